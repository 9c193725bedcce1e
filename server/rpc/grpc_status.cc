#include "server/rpc/grpc_status.h"

#include <string>

namespace millrace {
namespace {

// A client takes 8 KiB of headers by default, and a byte may travel as three.
constexpr size_t kMessageBytes = 2000;

// `message`, or its beginning up to the limit, cut between characters.
std::string Shortened(std::string message) {
  if (message.size() <= kMessageBytes) return message;
  size_t end = kMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  message.resize(end);
  return message + "...";
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // Both number the codes in the same way.
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      Shortened(std::string(status.message())));
}

}  // namespace millrace
