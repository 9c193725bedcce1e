#pragma once

#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "grpcpp/support/status.h"
#include "millrace/v1/worker_pool.grpc.pb.h"
#include "server/base/mutex.h"

namespace millrace::client {

// One Events call, from its start to its end. It reads one message ahead and no more, so that a
// user who does not take them holds the server back and not memory.
// Owned by the subscription; the destructor cancels the call and waits for its end. gRPC's threads
// call the On... methods; the rest is used by one thread.
class EventStream final : public grpc::ClientReadReactor<v1::EventsResponse> {
 public:
  // Starts the call. With `wait_for_server` it waits for a server that cannot be reached, and
  // otherwise fails. `on_change` is called by gRPC's threads whenever Take or ended may have
  // something new; it must be quick.
  EventStream(v1::WorkerPool::Stub& stub, v1::EventsRequest request, bool wait_for_server,
              std::function<void()> on_change);
  ~EventStream() override;

  // The next message, if it has come.
  std::optional<v1::EventsResponse> Take();

  // How the call has ended; nothing while it goes on. There is no further message then.
  std::optional<grpc::Status> ended() const;

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void Cancel();

  // Constant after construction.
  const v1::EventsRequest request_;
  const std::function<void()> on_change_;
  grpc::ClientContext context_;

  // Written by gRPC while a read is in flight, and by nobody else.
  v1::EventsResponse incoming_;

  mutable Mutex mutex_;
  CondVar changed_;
  // Guarded by mutex_.
  std::optional<v1::EventsResponse> message_ ABSL_GUARDED_BY(mutex_);
  bool read_in_flight_ ABSL_GUARDED_BY(mutex_) = true;
  // Reads are started outside of gRPC's callbacks, for which the call is held open.
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mutex_);
  // gRPC has done with this object.
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::client
