#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "tasks/api/task_transaction.h"
#include "tasks/testing/fake_added_jobs.h"

namespace millrace {

// A transaction for testing a handler without a database: keeps the statements and the jobs, and
// answers as the test says. Whether the handler's return commits it is for the test to judge: only
// success does. Part of FakeTaskContext. Used from one thread: the handler's, and then the test's.
class FakeTaskTransaction final : public TaskTransaction {
 public:
  struct Statement {
    std::string sql;
    std::vector<SqlValue> parameters;
  };
  using OnExecute = std::function<absl::StatusOr<SqlRows>(const Statement& statement)>;

  explicit FakeTaskTransaction(std::stop_token stop) : stop_(std::move(stop)) {}

  void set_on_execute(OnExecute on_execute) { on_execute_ = std::move(on_execute); }

  // Those that were good enough for a database, in order.
  const std::vector<Statement>& statements() const { return statements_; }
  const std::vector<JobSpec>& added_jobs() const { return added_jobs_.specs(); }

  absl::StatusOr<AddedJob> AddJob(JobSpec spec) override {
    return added_jobs_.Add(std::move(spec), stop_);
  }
  absl::StatusOr<std::vector<AddedJob>> AddJobs(std::vector<JobSpec> specs) override {
    return added_jobs_.Add(std::move(specs), stop_);
  }

 private:
  absl::StatusOr<SqlRows> ExecuteChecked(const std::string& sql,
                                         const std::vector<SqlValue>& parameters) override;

  const std::stop_token stop_;
  OnExecute on_execute_;
  std::vector<Statement> statements_;
  FakeAddedJobs added_jobs_{2001};
};

}  // namespace millrace
