#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "tests/support/test_schema.h"

namespace millrace {

// A schema of its own with one registered worker, and short words for what a pool does.
class PoolStoreFixture : public testing::Test {
 protected:
  PoolStoreFixture() : jobs_(schema_.database(), schema_.metrics()), store_(schema_.database()) {
    worker_ = Register("worker-1");
  }
  WorkerNumber Register(const std::string& worker_id) {
    return *store_.RegisterWorker({.worker_id = worker_id,
                                   .pool_name = "pool",
                                   .host = "host",
                                   .pid = 1,
                                   .version = "1",
                                   .lease_ttl = absl::Seconds(15)});
  }
  JobId Add(JobSpec spec) { return jobs_.AddJobs({std::move(spec)})->at(0).id; }
  std::vector<JobId> AddMany(int count, const JobSpec& spec) {
    std::vector<JobId> ids;
    const auto added = jobs_.AddJobs(std::vector<JobSpec>(count, spec));
    for (const AddedJob& job : *added) ids.push_back(job.id);
    return ids;
  }
  std::vector<ClaimedJob> Claim(int count, std::vector<std::string> tasks = {},
                                std::vector<std::string> forbidden = {}, WorkerNumber worker = 0) {
    EXPECT_TRUE(store_.PromoteDue().ok());
    auto claimed = store_.Claim({.worker = worker == 0 ? worker_ : worker,
                                 .number = ++last_number_,
                                 .max_jobs = count,
                                 .task_identifiers = std::move(tasks),
                                 .forbidden_flags = std::move(forbidden)});
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return claimed.ok() ? *std::move(claimed) : std::vector<ClaimedJob>();
  }
  static std::vector<JobId> Ids(const std::vector<ClaimedJob>& claimed) {
    std::vector<JobId> ids;
    for (const ClaimedJob& job : claimed) ids.push_back(job.job.id);
    return ids;
  }
  static AttemptReport ReportOf(const ClaimedJob& job, AttemptOutcome outcome,
                                bool exhausted = false) {
    return {.claim_id = job.claim_id,
            .job_id = job.job.id,
            .attempt = job.job.attempt,
            .outcome = outcome,
            .exhausted = exhausted,
            .plain = job.plain};
  }
  RecordVerdict Record(const AttemptReport& report) {
    auto result = store_.Record(worker_, {report});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->verdicts.at(0) : RecordVerdict::kBusy;
  }
  std::vector<RecordVerdict> GiveBack(const std::vector<ClaimedJob>& claimed) {
    std::vector<Hold> holds;
    for (const ClaimedJob& job : claimed) holds.push_back({job.claim_id, job.job.id});
    auto result = store_.GiveBack(worker_, holds);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->verdicts : std::vector<RecordVerdict>();
  }
  JobState StateOf(JobId id) { return jobs_.GetJob(id)->state; }

  TestSchema schema_;
  PostgresJobStore jobs_;
  PostgresPoolStore store_;
  WorkerNumber worker_ = 0;
  // Of the last claim.
  std::atomic<int64_t> last_number_ = 0;
};

}  // namespace millrace
