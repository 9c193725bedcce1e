#pragma once

#include <string>

#include "gtest/gtest.h"
#include "server/app/embedded_postgres.h"
#include "tests/unit/app/temp_folder.h"

namespace millrace {

// A folder for an embedded PostgreSQL.
class EmbeddedPostgresFixture : public testing::Test {
 protected:
  static EmbeddedPostgres::Options OptionsFor(const std::string& data_dir) {
    EmbeddedPostgres::Options options;
    options.data_dir = data_dir;
    return options;
  }

  SystemClock clock_;
  TempFolder folder_;
  const std::string data_dir_ = folder_.path() + "/data";
};

}  // namespace millrace
