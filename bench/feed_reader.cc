#include "bench/feed_reader.h"

#include <atomic>
#include <vector>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "millrace/v1/worker_pool.pb.h"

namespace millrace::bench {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint32_t kBatchTag = WireFormatLite::MakeTag(v1::EventsResponse::kBatchFieldNumber,
                                                       WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

// The events of a serialized EventsResponse, whose batch comes first.
int64_t CountEvents(grpc::ByteBuffer& message) {
  grpc::ProtoBufferReader reader(&message);
  CodedInputStream input(&reader);
  uint32_t size = 0;
  if (input.ReadTag() != kBatchTag || !input.ReadVarint32(&size)) return 0;
  const int end = input.CurrentPosition() + static_cast<int>(size);
  int64_t events = 0;
  while (input.CurrentPosition() < end && input.ReadTag() != 0 && input.ReadVarint32(&size) &&
         input.Skip(static_cast<int>(size))) {
    ++events;
  }
  return events;
}

std::shared_ptr<grpc::Channel> OwnChannel(const std::string& address) {
  static std::atomic<int> channels = 0;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Channels with the same arguments would share a connection.
  arguments.SetInt("millrace.bench.channel", ++channels);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

FeedReader::FeedReader(const std::string& address, const std::string& incarnation, int64_t wanted)
    : wanted_(wanted), channel_(OwnChannel(address)), stub_(channel_) {
  v1::EventsRequest request;
  request.set_incarnation(incarnation);
  const grpc::Slice slice(request.SerializeAsString());
  request_ = grpc::ByteBuffer(&slice, 1);
}

void FeedReader::Begin() {
  stub_.PrepareBidiStreamingCall(&context_, "/millrace.v1.WorkerPool/Events", {}, this);
  StartWriteLast(&request_, grpc::WriteOptions());
  StartRead(&message_);
  StartCall();
}

absl::Status FeedReader::Wait() {
  MutexLock lock(mutex_);
  while (!done_) changed_.Wait(mutex_);
  return complete_ ? absl::OkStatus() : absl::InternalError("the feed ended too soon");
}

void FeedReader::OnReadDone(bool ok) {
  if (!ok) return;
  events_ += CountEvents(message_);
  if (events_ < wanted_) return StartRead(&message_);
  {
    MutexLock lock(mutex_);
    complete_ = true;
  }
  context_.TryCancel();
}

void FeedReader::OnDone(const grpc::Status&) {
  MutexLock lock(mutex_);
  done_ = true;
  changed_.NotifyAll();
}

}  // namespace millrace::bench
