#pragma once

#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "server/app/unique_fd.h"
#include "server/app/wake_fd.h"
#include "server/base/lifecycle.h"

namespace millrace {

// Turns SIGTERM and SIGINT into calls, in a thread of its own, "signals". Owned by main.
// Thread-safe.
class SignalWatcher final : public Lifecycle {
 public:
  // Blocks SIGTERM and SIGINT and ignores SIGPIPE for this thread and those that it starts later:
  // call it in main before there is any other thread.
  static void BlockSignals();

  // `on_signal` gets the number of signals so far, from 1. It must not block for long, since the
  // next signal waits for it.
  explicit SignalWatcher(std::function<void(int)> on_signal);
  ~SignalWatcher() override;

  absl::Status Start() override;
  void RequestStop() override;
  void Join() override;

 private:
  void Run();

  const std::function<void(int)> on_signal_;
  WakeFd stop_;
  UniqueFd signals_;
  std::thread thread_;
};

}  // namespace millrace
