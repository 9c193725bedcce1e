#include "server/store/postgres/binary_array.h"

#include <arpa/inet.h>

#include <cstring>
#include <utility>

namespace millrace {
namespace {

constexpr uint32_t kBigintOid = 20;
constexpr size_t kHeaderBytes = 20;
constexpr size_t kElementBytes = 12;

}  // namespace

BinaryArray::BinaryArray(size_t size)
    : bytes_(kHeaderBytes + size * kElementBytes, '\0'), end_(bytes_.data()) {
  Write(1);  // dimensions
  Write(0);  // no nulls
  Write(kBigintOid);
  Write(static_cast<uint32_t>(size));
  Write(1);  // the lowest subscript
}

void BinaryArray::Add(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  Write(8);  // its bytes
  Write(static_cast<uint32_t>(bits >> 32));
  Write(static_cast<uint32_t>(bits));
}

pqxx::binarystring BinaryArray::Take() { return pqxx::binarystring(std::exchange(bytes_, "")); }

// The order of bytes is that of the network.
void BinaryArray::Write(uint32_t value) {
  value = htonl(value);
  std::memcpy(end_, &value, sizeof value);
  end_ += sizeof value;
}

}  // namespace millrace
