#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "server/model/job_admission.h"
#include "server/store/handler_store.h"
#include "tasks/api/task_transaction.h"

namespace millrace {

// The transaction of an attempt, as its handler sees it. Owned by the attempt's context. Used from
// one thread: the handler's.
class AttemptTransaction final : public TaskTransaction {
 public:
  AttemptTransaction(std::unique_ptr<HandlerTransaction> transaction, const JobAdmission& admission)
      : transaction_(std::move(transaction)), admission_(admission) {}

  absl::StatusOr<AddedJob> AddJob(JobSpec spec) override;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(std::vector<JobSpec> specs) override;

  // For whoever called the handler, when that has ended.
  HandlerTransaction& store_transaction() { return *transaction_; }
  bool has_added_due_jobs() const { return has_added_due_jobs_; }

 private:
  absl::StatusOr<SqlRows> ExecuteChecked(const std::string& sql,
                                         const std::vector<SqlValue>& parameters) override {
    return transaction_->Execute(sql, parameters);
  }
  absl::StatusOr<std::vector<AddedJob>> Add(const std::vector<JobSpec>& specs);

  const std::unique_ptr<HandlerTransaction> transaction_;
  const JobAdmission& admission_;
  bool has_added_due_jobs_ = false;
};

}  // namespace millrace
