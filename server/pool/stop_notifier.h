#pragma once

#include <deque>
#include <stop_token>

#include "server/base/mutex.h"

namespace millrace {

// Fires the stop tokens of handlers, in the thread that calls Run. What handlers have registered to
// be called back runs there, and so holds up nobody who asks a handler to stop: not the heartbeat,
// not the watch over time limits, no caller. Thread-safe.
class StopNotifier {
 public:
  // Does not wait until it has fired.
  void Fire(std::stop_source source);

  // Returns after RequestStop, once everything has fired.
  void Run();
  void RequestStop();

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::stop_source> sources_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
