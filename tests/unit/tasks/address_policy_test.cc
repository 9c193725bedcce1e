#include "tasks/deliver_webhook/address_policy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

namespace millrace {
namespace {

bool IsPublic(const std::string& text) {
  sockaddr_storage storage{};
  auto* const address4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* const address6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text.c_str(), &address4->sin_addr) == 1) {
    address4->sin_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &address6->sin6_addr), 1) << text;
    address6->sin6_family = AF_INET6;
  }
  return IsPublicAddress(reinterpret_cast<const sockaddr&>(storage));
}

TEST(AddressPolicyTest, AddressesOfTheInternetArePublic) {
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.0.1",
                              "100.128.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1",
                              "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_TRUE(IsPublic(address)) << address;
  }
}

TEST(AddressPolicyTest, PrivateAndReservedIpv4AddressesAreNot) {
  for (const char* address :
       {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.0.1",
        "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255"}) {
    EXPECT_FALSE(IsPublic(address)) << address;
  }
}

TEST(AddressPolicyTest, PrivateAndReservedIpv6AddressesAreNot) {
  for (const char* address : {"::", "::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
                              "2001:db8::1", "2001::1", "100::1", "64:ff9b:1::1", "3fff::1"}) {
    EXPECT_FALSE(IsPublic(address)) << address;
  }
}

TEST(AddressPolicyTest, PrivateIpv4WithinIpv6IsNot) {
  for (const char* address : {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
                              "2002:7f00:1::1", "::127.0.0.1"}) {
    EXPECT_FALSE(IsPublic(address)) << address;
  }
}

TEST(AddressPolicyTest, OtherFamiliesAreNot) {
  sockaddr address{};
  address.sa_family = AF_UNIX;
  EXPECT_FALSE(IsPublicAddress(address));
}

}  // namespace
}  // namespace millrace
