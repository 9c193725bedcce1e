#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/store/request_key.h"

namespace millrace {

// Does what is asked for under a request id once, as long as this process lives: for changes that
// concern its pool alone. Replies are kept for a while, a bounded number of them; errors are not,
// since nothing was done then. Owned by PoolCommands; the clock outlives it. Thread-safe.
class RequestMemory {
 public:
  struct Options {
    absl::Duration keep = absl::Hours(24);
    // Replies that are kept; the oldest goes first.
    size_t max_replies = 1000;
  };
  // A serialized message.
  using Reply = std::string;

  RequestMemory(Clock& clock, Options options);

  // What `change` returns, or the reply that the same request got before, for which it waits if
  // that is under way. INVALID_ARGUMENT "request_id: ..." if another request has had the id.
  absl::StatusOr<Reply> Do(const RequestKey& request,
                           const std::function<absl::StatusOr<Reply>()>& change);

 private:
  struct Entry {
    std::string method;
    std::string digest;
    // Nothing while it is under way.
    std::optional<Reply> reply;
    absl::Duration at;
  };

  // The reply that is kept; nothing if the request is the caller's to do.
  absl::StatusOr<std::optional<Reply>> FindOrBegin(const RequestKey& request);
  void End(const RequestKey& request, const absl::StatusOr<Reply>& reply);
  void ForgetLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  Clock& clock_;
  const Options options_;

  Mutex mutex_;
  CondVar ended_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // Ids of those that have replies, the oldest first.
  std::deque<std::string> replied_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
