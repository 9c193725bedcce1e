#include "bench/feed_host.h"

#include <unistd.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "millrace/v1/worker_pool.grpc.pb.h"
#include "server/rpc/convert/events_request.h"
#include "server/rpc/event_feed.h"
#include "server/rpc/rejected_stream.h"

namespace millrace::bench {

// Of the service only the feed.
struct FeedHost::Service final
    : public v1::WorkerPool::WithRawCallbackMethod_Events<v1::WorkerPool::Service> {
  Service(EventEmitter& events, Clock& clock, MetricsRegistry& metrics)
      : emitter(events), feed(events, clock, metrics, {}) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Events(grpc::CallbackServerContext*,
                                                     const grpc::ByteBuffer* bytes) override {
    grpc::ByteBuffer copy(*bytes);
    grpc::ProtoBufferReader reader(&copy);
    v1::EventsRequest request;
    request.ParseFromZeroCopyStream(&reader);
    auto subscription =
        ToEventSubscription(request, emitter.incarnation(), emitter.last_sequence());
    const auto stream = feed.Subscribe(*std::move(subscription));
    return *stream;
  }

  EventEmitter& emitter;
  EventFeed feed;
  std::unique_ptr<grpc::Server> server;
};

FeedHost::FeedHost(const std::string& socket_dir)
    : emitter_("bench", clock_, metrics_,
               {.ring_events = std::numeric_limits<size_t>::max(),
                .ring_bytes = std::numeric_limits<size_t>::max()}),
      address_(absl::StrCat("unix:", socket_dir, "/feed-", getpid(), ".sock")),
      service_(std::make_unique<Service>(emitter_, clock_, metrics_)) {}

absl::StatusOr<std::unique_ptr<FeedHost>> FeedHost::Start(const std::string& socket_dir) {
  std::unique_ptr<FeedHost> host(new FeedHost(socket_dir));
  if (absl::Status started = host->service_->feed.Start(); !started.ok()) return started;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(host->address_, grpc::InsecureServerCredentials());
  builder.RegisterService(host->service_.get());
  host->service_->server = builder.BuildAndStart();
  if (host->service_->server == nullptr)
    return absl::InternalError("cannot listen on " + host->address_);
  return host;
}

FeedHost::~FeedHost() {
  service_->feed.RequestStop();
  if (service_->server != nullptr) {
    service_->server->Shutdown(std::chrono::system_clock::now());
    service_->server->Wait();
  }
  service_->feed.Join();
}

}  // namespace millrace::bench
