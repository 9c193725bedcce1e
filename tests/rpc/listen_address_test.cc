#include "server/rpc/listen_address.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ListenAddressTest : public testing::Test {
 protected:
  ListenAddressTest() {
    std::string pattern = testing::TempDir() + "listen-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ListenAddressTest() override {
    if (socket_ >= 0) close(socket_);
    std::filesystem::remove_all(folder_);
  }

  // Listens on a free port of loopback, which it returns.
  int ListenOnTcp() {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(listen(socket_, 1), 0);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &size);
    return ntohs(name.sin_port);
  }

  void BindUnix(const std::string& path, bool listening) {
    socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, path.c_str(), sizeof(name.sun_path) - 1);
    ASSERT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    if (listening) {
      ASSERT_EQ(listen(socket_, 1), 0);
    }
  }

  static std::string Fault(const std::string& address) {
    return std::string(CheckListenAddress(address).message());
  }

  std::string folder_;
  int socket_ = -1;
};

TEST_F(ListenAddressTest, FreeAddressesAreFine) {
  for (const std::string& address : {std::string("127.0.0.1:0"), std::string("localhost:0"),
                                     "unix:" + folder_ + "/s", "unix://" + folder_ + "/s"}) {
    EXPECT_EQ(CheckListenAddress(address), absl::OkStatus()) << address;
  }
}

TEST_F(ListenAddressTest, APortInUseIsOneClearLine) {
  const std::string address = "127.0.0.1:" + std::to_string(ListenOnTcp());
  const absl::Status status = CheckListenAddress(address);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(
      std::string(status.message()),
      "cannot listen on " + address + ": address already in use; choose another with --listen");
}

TEST_F(ListenAddressTest, TheOptionThatMendsItIsTheCallers) {
  const std::string address = "127.0.0.1:" + std::to_string(ListenOnTcp());
  EXPECT_THAT(std::string(CheckListenAddress(address, "--metrics-listen").message()),
              HasSubstr("choose another with --metrics-listen"));
}

TEST_F(ListenAddressTest, WhatIsNoAddressIsRefused) {
  for (const char* address :
       {"", "x", ":1", "host:", "host:x", "host:65536", "host:-1", "1:2:3", "[::1:5", "unix:"}) {
    const absl::Status status = CheckListenAddress(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is not an address; give host:port"));
  }
}

TEST_F(ListenAddressTest, AnAddressOfAnotherMachineIsRefused) {
  EXPECT_THAT(Fault("192.0.2.1:50051"), HasSubstr("this machine has no such address"));
}

TEST_F(ListenAddressTest, ASocketThatSomebodyServesIsInUse) {
  BindUnix(folder_ + "/s", true);
  EXPECT_THAT(Fault("unix:" + folder_ + "/s"), HasSubstr("already in use"));
}

TEST_F(ListenAddressTest, ASocketThatIsLeftOverIsFine) {
  BindUnix(folder_ + "/s", false);
  EXPECT_EQ(CheckListenAddress("unix:" + folder_ + "/s"), absl::OkStatus());
}

TEST_F(ListenAddressTest, AFileInPlaceOfASocketIsLeftAlone) {
  std::ofstream(folder_ + "/s") << "mine";
  EXPECT_THAT(Fault("unix:" + folder_ + "/s"), HasSubstr("there is a file of that name"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/s"));
}

TEST_F(ListenAddressTest, AFolderThatIsNotThereIsNamed) {
  EXPECT_THAT(Fault("unix:" + folder_ + "/none/s"), HasSubstr("the folder does not exist"));
}

TEST_F(ListenAddressTest, APathThatIsTooLongIsRefused) {
  EXPECT_THAT(Fault("unix:/" + std::string(200, 'x')), HasSubstr("at most 107"));
}

TEST_F(ListenAddressTest, TheChosenPortTakesThePlaceOfZero) {
  EXPECT_EQ(WithPort("127.0.0.1:0", 17), "127.0.0.1:17");
  EXPECT_EQ(WithPort("[::1]:0", 17), "[::1]:17");
  EXPECT_EQ(WithPort("unix:/a:0", 17), "unix:/a:0");
}

}  // namespace
}  // namespace millrace
