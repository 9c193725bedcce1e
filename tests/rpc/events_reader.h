#pragma once

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/client_context.h"
#include "millrace/v1/worker_pool.grpc.pb.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {

// A subscriber of the event feed. Used from one thread.
class EventsReader {
 public:
  EventsReader(v1::WorkerPool::Stub& stub, const v1::EventsRequest& request)
      : context_(NewContext()), reader_(stub.Events(context_.get(), request)) {}

  // The next message; without any of the three kinds once the stream has ended.
  v1::EventsResponse Next() {
    v1::EventsResponse response;
    if (!reader_->Read(&response)) response.Clear();
    return response;
  }

  // The sequences of the next `count` events, in the order they come. Stops at what is no batch.
  std::vector<uint64_t> NextSequences(size_t count) {
    std::vector<uint64_t> sequences;
    while (sequences.size() < count) {
      const v1::EventsResponse response = Next();
      if (!response.has_batch()) break;
      for (const v1::Event& event : response.batch().events()) {
        sequences.push_back(event.sequence());
      }
    }
    return sequences;
  }

  void Cancel() { context_->TryCancel(); }

  // Reads to the end.
  std::string Finish() {
    v1::EventsResponse response;
    while (reader_->Read(&response)) {
    }
    return ToText(reader_->Finish());
  }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::EventsResponse>> reader_;
};

}  // namespace millrace
