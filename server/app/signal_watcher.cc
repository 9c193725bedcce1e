#include "server/app/signal_watcher.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "server/base/named_thread.h"

namespace millrace {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void SignalWatcher::BlockSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

SignalWatcher::SignalWatcher(std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)) {}

SignalWatcher::~SignalWatcher() {
  RequestStop();
  Join();
}

absl::Status SignalWatcher::Start() {
  if (stop_.IsSet()) return absl::FailedPreconditionError("was stopped");
  const sigset_t signals = StopSignals();
  signals_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.ok()) return absl::ErrnoToStatus(errno, "cannot watch for signals");
  thread_ = StartNamedThread("signals", [this] { Run(); });
  return absl::OkStatus();
}

void SignalWatcher::RequestStop() { stop_.Set(); }

void SignalWatcher::Join() {
  if (thread_.joinable()) thread_.join();
}

void SignalWatcher::Run() {
  int count = 0;
  while (true) {
    pollfd waited[2] = {{stop_.fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    poll(waited, 2, -1);
    if (waited[0].revents != 0) return;
    signalfd_siginfo info;
    if (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) on_signal_(++count);
  }
}

}  // namespace millrace
