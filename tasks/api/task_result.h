#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/model/partial_success.h"

namespace millrace {

// What a handler returns. A plain value; make one with the functions below.
class TaskResult {
 public:
  enum class Kind { kSuccess, kPartialSuccess, kFail, kSnooze, kCancel };

  // The work is done. `result` is kept in history: JSON text, or empty for none.
  static TaskResult Success(std::string result = "") {
    TaskResult made(Kind::kSuccess);
    made.result_ = std::move(result);
    return made;
  }

  // A part is done. The job runs again after the backoff and can read `partial` then
  // (TaskContext::last_partial_success); without attempts left it is exhausted.
  static TaskResult PartiallyDone(PartialSuccess partial) {
    TaskResult made(Kind::kPartialSuccess);
    made.partial_ = std::move(partial);
    return made;
  }

  // It failed; the same as throwing. Retried after the backoff while attempts are left.
  // `detail` is for people who look into it later: a response body, a stack.
  static TaskResult Fail(std::string message, std::string detail = "") {
    TaskResult made(Kind::kFail);
    made.message_ = std::move(message);
    made.detail_ = std::move(detail);
    return made;
  }

  // It failed, and the next attempt should not come before `delay` has passed (as a server asks
  // for with Retry-After), whatever the backoff says.
  static TaskResult Retry(std::string message, absl::Duration delay, std::string detail = "") {
    TaskResult made = Fail(std::move(message), std::move(detail));
    made.delay_ = delay;
    return made;
  }

  // Not now: run again after `delay`. The attempt is not counted.
  static TaskResult Snooze(absl::Duration delay) {
    TaskResult made(Kind::kSnooze);
    made.delay_ = delay;
    return made;
  }

  // Never again: the job ends as cancelled. `detail` as of Fail.
  static TaskResult Cancel(std::string reason, std::string detail = "") {
    TaskResult made(Kind::kCancel);
    made.message_ = std::move(reason);
    made.detail_ = std::move(detail);
    return made;
  }

  Kind kind() const { return kind_; }
  const std::string& result() const { return result_; }
  const std::optional<PartialSuccess>& partial_success() const { return partial_; }
  // Why it failed or was cancelled.
  const std::string& message() const { return message_; }
  const std::string& detail() const { return detail_; }
  // Of a snooze, or of a failure that brings its own.
  const std::optional<absl::Duration>& delay() const { return delay_; }

 private:
  explicit TaskResult(Kind kind) : kind_(kind) {}

  Kind kind_;
  std::string result_;
  std::optional<PartialSuccess> partial_;
  std::string message_;
  std::string detail_;
  std::optional<absl::Duration> delay_;
};

}  // namespace millrace
