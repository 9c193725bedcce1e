#include "client/library/event_stream.h"

#include <utility>

namespace millrace::client {

EventStream::EventStream(v1::WorkerPool::Stub& stub, v1::EventsRequest request,
                         bool wait_for_server, std::function<void()> on_change)
    : request_(std::move(request)), on_change_(std::move(on_change)) {
  context_.set_wait_for_ready(wait_for_server);
  stub.async()->Events(&context_, &request_, this);
  AddHold();
  StartRead(&incoming_);
  StartCall();
}

EventStream::~EventStream() {
  Cancel();
  MutexLock lock(mutex_);
  while (!done_) changed_.Wait(mutex_);
}

std::optional<v1::EventsResponse> EventStream::Take() {
  std::optional<v1::EventsResponse> taken;
  {
    MutexLock lock(mutex_);
    if (!message_.has_value()) return std::nullopt;
    taken = std::exchange(message_, std::nullopt);
    read_in_flight_ = true;
  }
  StartRead(&incoming_);
  return taken;
}

std::optional<grpc::Status> EventStream::ended() const {
  MutexLock lock(mutex_);
  return status_;
}

void EventStream::Cancel() {
  bool release = false;
  {
    MutexLock lock(mutex_);
    cancelled_ = true;
    // A read in flight ends by the cancellation, and OnReadDone lets go.
    if (!read_in_flight_) release = std::exchange(held_, false);
  }
  context_.TryCancel();
  if (release) RemoveHold();
}

void EventStream::OnReadDone(bool ok) {
  bool release = false;
  {
    MutexLock lock(mutex_);
    read_in_flight_ = false;
    if (ok) message_ = std::move(incoming_);
    if (!ok || cancelled_) release = std::exchange(held_, false);
  }
  if (ok) on_change_();
  // After this, OnDone may come and the object go.
  if (release) RemoveHold();
}

void EventStream::OnDone(const grpc::Status& status) {
  {
    MutexLock lock(mutex_);
    status_ = status;
  }
  on_change_();
  MutexLock lock(mutex_);
  done_ = true;
  changed_.NotifyAll();
}

}  // namespace millrace::client
