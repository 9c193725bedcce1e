#include "server/rpc/health_watch.h"

#include <utility>

#include "server/rpc/grpc_status.h"

namespace millrace {

HealthWatch::HealthWatch(std::string service, HealthStatusSource& source)
    : service_(std::move(service)), source_(source) {}

void HealthWatch::Refresh() {
  // Once it is finished, another thread may drop the last other reference.
  const std::shared_ptr<HealthWatch> keep = shared_from_this();
  switch (NextStep()) {
    case Step::kNone:
      break;
    case Step::kWrite:
      StartWrite(&message_);
      break;
    case Step::kFinish:
      Finish(ToGrpcStatus(absl::UnavailableError("server is shutting down")));
      break;
  }
}

HealthWatch::Step HealthWatch::NextStep() {
  MutexLock lock(mutex_);
  if (writing_ || finished_) return Step::kNone;
  const auto status = source_.StatusNow(service_);
  if (broken_ || !status.has_value()) {
    finished_ = true;
    return Step::kFinish;
  }
  if (status == sent_) return Step::kNone;
  message_.set_status(*status);
  sent_ = status;
  writing_ = true;
  return Step::kWrite;
}

void HealthWatch::OnWriteDone(bool ok) {
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) broken_ = true;
  }
  Refresh();
}

void HealthWatch::OnCancel() {
  {
    MutexLock lock(mutex_);
    broken_ = true;
  }
  Refresh();
}

}  // namespace millrace
