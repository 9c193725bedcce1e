#include "tasks/deliver_webhook/address_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace millrace {
namespace {

struct Network4 {
  uint32_t address;
  int bits;
};

constexpr uint32_t Address4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// The registry of special-purpose IPv4 addresses (RFC 6890 and its successors).
constexpr Network4 kNotPublic4[] = {
    {Address4(0, 0, 0, 0), 8},        // this network
    {Address4(10, 0, 0, 0), 8},       // private
    {Address4(100, 64, 0, 0), 10},    // shared, behind carrier-grade NAT
    {Address4(127, 0, 0, 0), 8},      // loopback
    {Address4(169, 254, 0, 0), 16},   // link-local
    {Address4(172, 16, 0, 0), 12},    // private
    {Address4(192, 0, 0, 0), 24},     // protocol assignments
    {Address4(192, 0, 2, 0), 24},     // documentation
    {Address4(192, 88, 99, 0), 24},   // 6to4 relays
    {Address4(192, 168, 0, 0), 16},   // private
    {Address4(198, 18, 0, 0), 15},    // benchmarks
    {Address4(198, 51, 100, 0), 24},  // documentation
    {Address4(203, 0, 113, 0), 24},   // documentation
    {Address4(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool IsPublic4(uint32_t address) {
  return std::none_of(std::begin(kNotPublic4), std::end(kNotPublic4), [&](const Network4& network) {
    return (address ^ network.address) >> (32 - network.bits) == 0;
  });
}

using Bytes6 = std::array<uint8_t, 16>;

uint32_t Embedded4(const Bytes6& bytes, size_t offset) {
  return Address4(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]);
}

template <size_t N>
bool BeginsWith(const Bytes6& bytes, const std::array<uint8_t, N>& prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

bool IsPublic6(const Bytes6& bytes) {
  constexpr std::array<uint8_t, 12> kMapped4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  constexpr std::array<uint8_t, 2> k6To4 = {0x20, 0x02};
  constexpr std::array<uint8_t, 2> kAssignments = {0x20, 0x01};
  constexpr std::array<uint8_t, 4> kDocumentation = {0x20, 0x01, 0x0d, 0xb8};
  constexpr std::array<uint8_t, 2> kNewDocumentation = {0x3f, 0xff};
  if (BeginsWith(bytes, kMapped4) || BeginsWith(bytes, kNat64)) {
    return IsPublic4(Embedded4(bytes, 12));
  }
  if (BeginsWith(bytes, k6To4)) return IsPublic4(Embedded4(bytes, 2));
  // Protocol assignments, Teredo among them, are 2001::/23.
  if (BeginsWith(bytes, kAssignments) && bytes[2] < 2) return false;
  if (BeginsWith(bytes, kDocumentation)) return false;
  if (BeginsWith(bytes, kNewDocumentation) && bytes[2] < 0x10) return false;
  // All that is handed out to the public so far is 2000::/3.
  return bytes[0] >> 5 == 1;
}

}  // namespace

bool IsPublicAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in address4{};
    std::memcpy(&address4, &address, sizeof(address4));
    return IsPublic4(ntohl(address4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 address6{};
    std::memcpy(&address6, &address, sizeof(address6));
    Bytes6 bytes{};
    std::memcpy(bytes.data(), &address6.sin6_addr, bytes.size());
    return IsPublic6(bytes);
  }
  return false;
}

}  // namespace millrace
