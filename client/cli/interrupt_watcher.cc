#include "client/cli/interrupt_watcher.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "server/base/named_thread.h"

namespace millrace::cli {
namespace {

// What is sent adds up until it is read: each kind has its own digits.
constexpr uint64_t kInterrupted = 1;
constexpr uint64_t kTerminated = uint64_t{1} << 16;
constexpr uint64_t kEnded = uint64_t{1} << 32;

// Signal handlers reach nothing but globals: this is where theirs writes to.
std::atomic<int> signal_fd = -1;

void Send(uint64_t what) {
  // An eventfd takes 8 bytes whole, and its counter does not fill up.
  [[maybe_unused]] const ssize_t written = write(signal_fd, &what, sizeof(what));
}

void OnSignal(int signal) {
  const int saved_errno = errno;
  Send(signal == SIGINT ? kInterrupted : kTerminated);
  errno = saved_errno;
}

void Handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptWatcher::InterruptWatcher(std::function<void()> on_interrupt)
    : on_interrupt_(std::move(on_interrupt)) {
  signal_fd = eventfd(0, EFD_CLOEXEC);
  thread_ = StartNamedThread("interrupt", [this] { Watch(); });
  Handle(OnSignal);
}

InterruptWatcher::~InterruptWatcher() {
  Handle(SIG_DFL);
  Send(kEnded);
  thread_.join();
  close(signal_fd.exchange(-1));
}

void InterruptWatcher::Watch() {
  uint64_t what = 0;
  while (what < kEnded) {
    if (read(signal_fd, &what, sizeof(what)) != sizeof(what)) continue;
    if (what % kEnded == 0 || signal_ != 0) continue;
    signal_ = what % kTerminated == 0 ? SIGTERM : SIGINT;
    if (on_interrupt_) on_interrupt_();
  }
}

}  // namespace millrace::cli
