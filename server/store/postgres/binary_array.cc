#include "server/store/postgres/binary_array.h"

#include <utility>

namespace millrace {
namespace {

constexpr uint32_t kBigintOid = 20;
constexpr size_t kHeaderBytes = 20;
constexpr size_t kElementBytes = 12;

}  // namespace

BinaryArray::BinaryArray(size_t size) {
  bytes_.reserve(kHeaderBytes + size * kElementBytes);
  AddInt32(1);  // dimensions
  AddInt32(0);  // no nulls
  AddInt32(kBigintOid);
  AddInt32(static_cast<uint32_t>(size));
  AddInt32(1);  // the lowest subscript
}

void BinaryArray::Add(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  AddInt32(8);  // its bytes
  AddInt32(static_cast<uint32_t>(bits >> 32));
  AddInt32(static_cast<uint32_t>(bits));
}

pqxx::binarystring BinaryArray::Take() { return pqxx::binarystring(std::exchange(bytes_, "")); }

void BinaryArray::AddInt32(uint32_t value) {
  const char bytes[] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                        static_cast<char>(value >> 8), static_cast<char>(value)};
  bytes_.append(bytes, sizeof bytes);
}

}  // namespace millrace
