#pragma once

#include <memory>

#include "client/library/connection.h"
#include "gtest/gtest.h"
#include "tests/support/gate.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::client {

// A fake server, and a connection to it.
class ClientFixture : public testing::Test {
 protected:
  Connection& Connect(ClientOptions options = {}) {
    options.address = server_.address();
    connection_ = Connection::Create(options).value();
    return *connection_;
  }

  // Calls of the server may wait at it.
  Gate gate_;
  FakeServer server_;

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace millrace::client
