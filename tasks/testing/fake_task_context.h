#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "tasks/api/task_context.h"
#include "tasks/testing/fake_added_jobs.h"
#include "tasks/testing/fake_task_transaction.h"

namespace millrace {

// A context for testing a handler without server or database. It has a time of its own that only
// WaitFor and Advance move, keeps what the handler logs, and stops the handler when the test asks.
//
//   FakeTaskContext context("resize_image", R"({"source": "/a.jpg"})");
//   const TaskResult result = ResizeImage(options)(context);
//
// The test owns it; it outlives the call of the handler. Thread-safe, except mutable_job and the
// set_ functions, which are for before that call.
class FakeTaskContext final : public TaskContext {
 public:
  explicit FakeTaskContext(const std::string& task_identifier, const std::string& payload = "{}");

  // The first attempt of job 1, unless the test changes it.
  Job& mutable_job() { return job_; }
  void set_last_partial_success(PartialSuccess partial) { last_partial_ = std::move(partial); }

  // Asks the handler to stop.
  void RequestStop(StopReason reason = StopReason::kPoolStops);
  // Moves the time; a limit that is passed stops the handler with StopReason::kTimeout.
  void Advance(absl::Duration duration);
  void SetNow(absl::Time now);
  // Counted from now on.
  void SetTimeLimit(absl::Duration limit);

  // Called with each message that the handler logs, in its thread: the place to do something in the
  // middle of its work. Set it before the call of the handler.
  void set_on_log(std::function<void(const std::string& message)> on_log) {
    on_log_ = std::move(on_log);
  }

  struct LogRecord {
    LogLevel level;
    std::string message;
  };
  std::vector<LogRecord> logs() const;
  // Every ReportProgress that was good, in order; also those that a pool would leave out because
  // others come soon after them.
  std::vector<JobProgress> progress() const;
  // Jobs that the handler has added outside of its transaction, in order.
  std::vector<JobSpec> added_jobs() const;
  // What the handler does in its transaction; nothing unless it has begun one.
  FakeTaskTransaction* transaction() { return begun_ ? &transaction_ : nullptr; }
  // Called with each statement of that transaction, and answers it; without it each brings no rows.
  void set_on_execute(FakeTaskTransaction::OnExecute on_execute) {
    transaction_.set_on_execute(std::move(on_execute));
  }
  // Every WaitFor that was asked for.
  std::vector<absl::Duration> waits() const;

  const Job& job() const override { return job_; }
  const std::string& worker_id() const override { return worker_id_; }
  const std::optional<PartialSuccess>& last_partial_success() const override {
    return last_partial_;
  }
  std::stop_token stop_token() const override { return stop_.get_token(); }
  StopReason stop_reason() const override;
  absl::Duration TimeLeft() const override;
  absl::Time Now() const override;
  // Does not wait: moves the time.
  bool WaitFor(absl::Duration duration) override;
  void Log(LogLevel level, const std::string& message) override;
  // The rules of a real server, with its default limits. Ids rise from 1001.
  absl::StatusOr<AddedJob> AddJob(JobSpec spec) override;
  absl::StatusOr<std::vector<AddedJob>> AddJobs(std::vector<JobSpec> specs) override;
  absl::StatusOr<TaskTransaction*> BeginTransaction() override;

 private:
  void KeepProgress(JobProgress progress) override;

  // Constant during the call of the handler.
  Job job_;
  const std::string worker_id_ = "fake-worker";
  std::optional<PartialSuccess> last_partial_;
  std::function<void(const std::string&)> on_log_;

  std::stop_source stop_;
  mutable Mutex mutex_;
  StopReason stop_reason_ ABSL_GUARDED_BY(mutex_) = StopReason::kNone;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Time deadline_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::vector<LogRecord> logs_ ABSL_GUARDED_BY(mutex_);
  FakeTaskTransaction transaction_{stop_.get_token()};
  bool begun_ = false;
  FakeAddedJobs added_jobs_;

  std::vector<JobProgress> progress_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Duration> waits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
