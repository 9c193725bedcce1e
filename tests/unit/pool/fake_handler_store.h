#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/mutex.h"
#include "server/store/handler_store.h"
#include "server/store/job_store.h"

namespace millrace {

// Transactions of handlers without a database: they end as the test says. Thread-safe.
class FakeHandlerStore final : public HandlerStore {
 public:
  // What becomes of the next transactions that are completed; before that, `on_complete` is called
  // with the report.
  void CompleteWith(Completion completion,
                    std::function<void(const AttemptReport&)> on_complete = nullptr) {
    MutexLock lock(mutex_);
    completion_ = std::move(completion);
    on_complete_ = std::move(on_complete);
  }
  // What was done, in order: "begin", a statement, "add <task>", "complete", "end".
  std::vector<std::string> log() const {
    MutexLock lock(mutex_);
    return log_;
  }

  absl::StatusOr<std::unique_ptr<HandlerTransaction>> BeginTransaction(std::stop_token) override {
    Note("begin");
    return std::make_unique<Transaction>(*this);
  }

 private:
  class Transaction final : public HandlerTransaction {
   public:
    explicit Transaction(FakeHandlerStore& store) : store_(store) {}
    ~Transaction() override { store_.Note("end"); }
    absl::StatusOr<SqlRows> Execute(const std::string& sql, const std::vector<SqlValue>&) override {
      store_.Note(sql);
      return SqlRows();
    }
    absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs) override {
      for (const JobSpec& spec : specs) store_.Note("add " + spec.task_identifier);
      return std::vector<AddedJob>(specs.size());
    }
    Completion Complete(WorkerNumber, const AttemptReport& report) override {
      store_.Note("complete");
      std::function<void(const AttemptReport&)> on_complete;
      Completion completion;
      {
        MutexLock lock(store_.mutex_);
        on_complete = store_.on_complete_;
        completion = store_.completion_;
      }
      if (on_complete) on_complete(report);
      return completion;
    }

   private:
    FakeHandlerStore& store_;
  };

  void Note(const std::string& what) {
    MutexLock lock(mutex_);
    log_.push_back(what);
  }

  mutable Mutex mutex_;
  Completion completion_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const AttemptReport&)> on_complete_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
};

// Takes jobs and shows them; does nothing else. Thread-safe.
class JobCollector final : public JobStore {
 public:
  using JobStore::AddJobs;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(const std::vector<JobSpec>& specs,
                                                const RequestKey&, const CallLimit& call) override {
    if (absl::Status wanted = call.Check(); !wanted.ok()) return wanted;
    MutexLock lock(mutex_);
    std::vector<AddedJob> added;
    for (const JobSpec& spec : specs) {
      specs_.push_back(spec);
      added.push_back({static_cast<JobId>(specs_.size()), AddResult::kCreated});
    }
    return added;
  }
  std::vector<JobSpec> specs() const {
    MutexLock lock(mutex_);
    return specs_;
  }

  absl::StatusOr<JobDetails> GetJob(JobId, const CallLimit&) override { return None(); }
  absl::StatusOr<std::vector<Attempt>> ListAttempts(JobId, int, const CallLimit&) override {
    return None();
  }
  absl::StatusOr<JobPage> ListJobs(const JobFilter&, std::optional<JobId>, int,
                                   const CallLimit&) override {
    return None();
  }
  absl::StatusOr<std::vector<EndResult>> EndJobs(const std::vector<JobId>&, JobEnding,
                                                 const std::string&, const RequestKey&,
                                                 const CallLimit&) override {
    return None();
  }
  absl::StatusOr<int> ResetOverdueJobs(absl::Duration, const RequestKey&,
                                       const CallLimit&) override {
    return None();
  }
  absl::Status Ping() override { return None(); }

 private:
  static absl::Status None() { return absl::UnimplementedError("it only takes jobs"); }

  mutable Mutex mutex_;
  std::vector<JobSpec> specs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
