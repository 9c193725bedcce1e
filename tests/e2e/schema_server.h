#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/server_process.h"

namespace millrace {

// A server with the tasks of tests on this schema, which is ready. Used from the test's main
// thread.
inline std::unique_ptr<ServerProcess> StartOn(const E2eSchema& schema,
                                              std::vector<std::string> arguments,
                                              std::vector<std::string> variables = {}) {
  arguments.push_back("--database-url=" + schema.url());
  arguments.push_back("--schema=" + schema.name());
  auto server =
      std::make_unique<ServerProcess>(MILLRACE_E2E_SERVER, arguments, std::move(variables));
  EXPECT_TRUE(server->WaitUntilReady()) << server->output();
  return server;
}

}  // namespace millrace
