#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/postgres_handler_store.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "tests/pool/job_account.h"
#include "tests/support/pool_harness.h"
#include "tests/support/test_schema.h"

namespace millrace {

// A pool on the real store in a schema of its own. The database's clock goes on by itself, whatever
// the pool's does: it decides what is due, and the times of retries are looked at, not waited for.
class PoolOnPostgres : public PoolHarness {
 public:
  ~PoolOnPostgres() override {
    gate_.Open();
    pool_.reset();
  }

 protected:
  explicit PoolOnPostgres(Time time = Time::kStandsStill) : PoolHarness(time) {}

  PoolStore& pool_store() override { return store_; }
  HandlerServices handler_services() override { return {&jobs_, &handler_store_, {}}; }

  JobId Add(JobSpec spec) {
    const absl::StatusOr<std::vector<AddedJob>> added = jobs_.AddJobs({std::move(spec)});
    EXPECT_TRUE(added.ok()) << added.status();
    return added.ok() ? added->at(0).id : 0;
  }
  // Adds it, with a flag, to the serial queue "line", with one behind it that no pool here runs, so
  // that it shows who may go next.
  JobId AddInLine(JobSpec spec) {
    spec.queue_name = "line";
    spec.flags = {"audited"};
    const JobId id = Add(std::move(spec));
    Add({.task_identifier = "elsewhere", .queue_name = "line", .priority = 1});
    return id;
  }

  JobDetails Look(JobId id) {
    const absl::StatusOr<JobDetails> details = jobs_.GetJob(id);
    EXPECT_TRUE(details.ok()) << details.status();
    return details.ok() ? *details : JobDetails();
  }

  // Registers the task "act": each run arrives at the gate, and then does this.
  void OnRun(const std::function<TaskResult(TaskContext&)>& act) {
    tasks_.Add("act", [this, act](TaskContext& context) {
      gate_.Pass();
      return act(context);
    });
  }
  // Starts the pool and lets the handler, which must pass the gate, run for five seconds.
  void RunForFiveSeconds() {
    StartPool();
    ASSERT_TRUE(gate_.WaitForArrivals(1));
    clock_.Advance(absl::Seconds(5));
    gate_.Open();
  }
  // Lets a job that waits for its retry run again.
  void RunAgain(JobId id) {
    schema_.Query(absl::StrCat(
        "with moved as (update {schema}.scheduled set due = now() - interval '1 s' where id = ", id,
        " returning id, due) update {schema}.job_memory set run_at = due from moved where job_id = "
        "id"));
    clock_.Advance(absl::Minutes(1));
    pool_->Wake();
  }

  // Another pool, of which there is nothing but what it has entered in the database.
  WorkerNumber RegisterOtherPool(const std::string& worker_id) {
    WorkerRegistration registration;
    registration.worker_id = worker_id;
    registration.pool_name = "other";
    registration.host = "elsewhere";
    registration.version = "1.0";
    registration.lease_ttl = config_.lease_ttl;
    return *store_.RegisterWorker(registration);
  }
  std::vector<ClaimedJob> ClaimFor(WorkerNumber worker, const std::string& task, int count = 1) {
    EXPECT_TRUE(store_.PromoteDue().ok());
    absl::StatusOr<std::vector<ClaimedJob>> claimed = store_.Claim({.worker = worker,
                                                                    .number = ++last_claim_,
                                                                    .max_jobs = count,
                                                                    .task_identifiers = {task},
                                                                    .forbidden_flags = {}});
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return claimed.ok() ? *std::move(claimed) : std::vector<ClaimedJob>();
  }
  // The pool's number in the database, while its lease lives.
  WorkerNumber OwnWorker() {
    return std::stoi(schema_.Query(
        "select id from {schema}.worker where worker_id = 'worker-id' and ended_at is null"));
  }

  // What is known of the job once the pool has stopped: so nothing comes after it.
  JobAccount Account(JobId id) {
    const bool stopped = !pool_->running() || pool_->Stop(std::nullopt).ok();
    EXPECT_TRUE(stopped);
    return JobAuditor(schema_, jobs_, events_).Account(id, pool_->Stats());
  }

  TestSchema schema_;
  PostgresJobStore jobs_{schema_.database(), schema_.metrics()};
  PostgresPoolStore store_{schema_.database()};
  // With connections of its own, as in a server.
  std::unique_ptr<PostgresDatabase> handler_database_ = *PostgresDatabase::Create(
      {.database_url = TestDatabaseUrl(), .schema = schema_.name(), .max_connections = 4}, metrics_,
      real_clock_);
  PostgresHandlerStore handler_store_{*handler_database_, jobs_};
  // Of claims of other pools.
  int64_t last_claim_ = 0;
};

}  // namespace millrace
