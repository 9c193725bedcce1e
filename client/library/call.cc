#include "client/library/call.h"

#include <algorithm>
#include <string>

#include "absl/random/random.h"
#include "absl/strings/string_view.h"
#include "grpc/support/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace millrace::client {

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // The numbers of both are those of the protocol.
  const std::string message = status.error_message();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::string_view(message.data(), message.size()));
}

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return;
  // Relative to now, so that a step of the wall clock does not matter.
  context.set_deadline(gpr_time_from_micros(absl::ToInt64Microseconds(timeout), GPR_TIMESPAN));
}

bool MayBeTriedAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status);
}

Repetition::Repetition(absl::Duration timeout, int attempts)
    : deadline_(SystemClock().Monotonic() + timeout), attempts_left_(attempts) {}

absl::Duration Repetition::time_left() const { return deadline_ - SystemClock().Monotonic(); }

bool Repetition::PauseAfter(const absl::Status& status) {
  if (!MayBeTriedAgain(status) || --attempts_left_ <= 0) return false;
  absl::BitGen random;
  const absl::Duration pause = pause_ * absl::Uniform<double>(random, 1.0, 1.2);
  if (pause >= time_left()) return false;
  pause_ = std::min(2 * pause_, absl::Seconds(1));
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  SystemClock().WaitFor(mutex, never, pause, [] { return false; });
  return true;
}

}  // namespace millrace::client
