#include "server/base/mutex.h"

#include <cerrno>
#include <ctime>

namespace millrace {

CondVar::CondVar() {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&cond_, &attributes);
  pthread_condattr_destroy(&attributes);
}

void CondVar::Wait(Mutex& mutex) { pthread_cond_wait(&cond_, &mutex.mutex_); }

bool CondVar::WaitWithTimeout(Mutex& mutex, absl::Duration timeout) {
  // A year is for ever here, and keeps the sum below in range.
  if (timeout > absl::Hours(24 * 365)) timeout = absl::Hours(24 * 365);
  if (timeout < absl::ZeroDuration()) timeout = absl::ZeroDuration();
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const timespec until = absl::ToTimespec(absl::DurationFromTimespec(now) + timeout);
  return pthread_cond_timedwait(&cond_, &mutex.mutex_, &until) != ETIMEDOUT;
}

}  // namespace millrace
