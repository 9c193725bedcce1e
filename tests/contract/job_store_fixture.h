#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "tests/support/test_schema.h"

namespace millrace {

// The stores of jobs and of a pool on a schema of their own, with one worker.
class JobStoreFixture : public testing::Test {
 protected:
  JobStoreFixture() : jobs_(schema_.database(), schema_.metrics()), pool_(schema_.database()) {
    worker_ = *pool_.RegisterWorker({.worker_id = "worker-1",
                                     .pool_name = "pool",
                                     .host = "host",
                                     .pid = 1,
                                     .version = "1",
                                     .lease_ttl = absl::Seconds(15)});
  }
  // Of these tasks, or of any.
  std::vector<ClaimedJob> Claim(int count, const std::vector<std::string>& tasks = {}) {
    return *pool_.Claim({.worker = worker_,
                         .number = ++last_number_,
                         .max_jobs = count,
                         .task_identifiers = tasks,
                         .forbidden_flags = {}});
  }
  void Report(const ClaimedJob& job, AttemptOutcome outcome, bool exhausted = false) {
    AttemptReport report{.claim_id = job.claim_id,
                         .job_id = job.job.id,
                         .attempt = job.job.attempt,
                         .outcome = outcome,
                         .exhausted = exhausted,
                         .delay = absl::Hours(1),
                         .plain = job.plain};
    if (outcome == AttemptOutcome::kFailed) report.error_message = "it broke";
    const auto result = pool_.Record(worker_, {report});
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_THAT(result->verdicts, testing::ElementsAre(RecordVerdict::kAccepted));
  }

  TestSchema schema_;
  PostgresJobStore jobs_;
  PostgresPoolStore pool_;
  WorkerNumber worker_ = 0;
  // Of the last claim.
  int64_t last_number_ = 0;
};

}  // namespace millrace
