#include "server/store/postgres/call_watchdog.h"

#include <sys/socket.h>

#include <algorithm>

#include "server/base/clock.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

// Real time, whatever clock the rest of a test runs on: sockets do not know of fake ones.
absl::Duration MonotonicNow() { return SystemClock().Monotonic(); }

}  // namespace

CallWatchdog::CallWatchdog() : thread_(StartNamedThread("db-watchdog", [this] { Run(); })) {}

CallWatchdog::~CallWatchdog() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void CallWatchdog::EndCallsIn(absl::Duration grace) {
  {
    MutexLock lock(mutex_);
    end_at_ = std::min(end_at_, MonotonicNow() + grace);
  }
  changed_.NotifyAll();
}

bool CallWatchdog::ended() const {
  MutexLock lock(mutex_);
  return end_at_ <= MonotonicNow();
}

bool CallWatchdog::has_cut_at_end() const {
  MutexLock lock(mutex_);
  return has_cut_at_end_;
}

void CallWatchdog::Run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const absl::Duration wait = ExpireOverdue();
    wake_at_ = MonotonicNow() + wait;
    changed_.WaitWithTimeout(mutex_, wait);
  }
}

absl::Duration CallWatchdog::ExpireOverdue() {
  const absl::Duration now = MonotonicNow();
  absl::Duration next = absl::InfiniteDuration();
  for (auto& [id, call] : calls_) {
    if (call.expired) continue;
    const absl::Duration deadline = std::min(call.deadline, end_at_);
    if (deadline <= now) {
      shutdown(call.socket, SHUT_RDWR);
      call.expired = true;
      has_cut_at_end_ = has_cut_at_end_ || deadline == end_at_;
    } else {
      next = std::min(next, deadline - now);
    }
  }
  return next;
}

CallWatchdog::Guard::Guard(CallWatchdog& watchdog, int socket, absl::Duration limit)
    : watchdog_(watchdog) {
  const absl::Duration now = MonotonicNow();
  const absl::Duration deadline = now + limit;
  bool earlier;
  {
    MutexLock lock(watchdog_.mutex_);
    id_ = watchdog_.next_id_++;
    const bool too_late = watchdog_.end_at_ <= now;
    if (too_late) shutdown(socket, SHUT_RDWR);
    watchdog_.calls_[id_] = {socket, deadline, too_late};
    earlier = deadline < watchdog_.wake_at_;
    if (earlier) watchdog_.wake_at_ = deadline;
  }
  if (earlier) watchdog_.changed_.NotifyAll();
}

CallWatchdog::Guard::~Guard() {
  MutexLock lock(watchdog_.mutex_);
  watchdog_.calls_.erase(id_);
}

bool CallWatchdog::Guard::expired() const {
  MutexLock lock(watchdog_.mutex_);
  return watchdog_.calls_.at(id_).expired;
}

}  // namespace millrace
