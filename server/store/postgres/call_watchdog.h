#pragma once

#include <cstdint>
#include <map>
#include <thread>

#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace millrace {

// Ends database calls that take too long. libpqxx blocks for ever on a server that has stopped
// without closing its socket (a frozen process, a dead network), and statement_timeout does not
// fire there; so at the deadline the socket is shut down under the call, which then fails at once
// as a broken connection. When the server stops, all calls get one last deadline. Its thread
// ("db-watchdog") lives as long as the object. Thread-safe.
class CallWatchdog {
 public:
  CallWatchdog();
  ~CallWatchdog();
  CallWatchdog(const CallWatchdog&) = delete;
  CallWatchdog& operator=(const CallWatchdog&) = delete;

  // No call lasts beyond this time from now, and one that begins later fails at once. If called
  // again, the earlier end holds.
  void EndCallsIn(absl::Duration grace);
  // Whether that time has come.
  bool ended() const;
  // Whether a call that had begun before had to be cut then: the database did not answer.
  bool has_cut_at_end() const;

  // Watches one call on one socket, from construction to destruction. The socket must stay open
  // that long. Used from one thread: that of the call.
  class Guard {
   public:
    Guard(CallWatchdog& watchdog, int socket, absl::Duration limit);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    // Whether the deadline has passed and the socket was shut down.
    bool expired() const;

   private:
    CallWatchdog& watchdog_;
    uint64_t id_;
  };

 private:
  struct Call {
    int socket;
    absl::Duration deadline;  // on the monotonic clock
    bool expired = false;
  };
  void Run();
  // Shuts down what is overdue; returns the time until the next deadline.
  absl::Duration ExpireOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<uint64_t, Call> calls_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  // The deadline that the thread sleeps until; calls that end later need not wake it.
  absl::Duration wake_at_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  // When all calls end, whatever their own deadline.
  absl::Duration end_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  bool has_cut_at_end_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
