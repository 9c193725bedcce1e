// Starts that an embedded PostgreSQL refuses: what they say, and that they leave nothing behind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "server/app/embedded_postgres.h"
#include "tests/unit/app/embedded_postgres_fixture.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RefusedEmbeddedPostgresTest : public EmbeddedPostgresFixture {};

TEST_F(RefusedEmbeddedPostgresTest, AClusterOfAnotherVersionIsRefusedByName) {
  fs::create_directories(data_dir_);
  absl::StatusOr<ProcessUser> user = FindDatabaseUser("postgres");
  ASSERT_TRUE(user.ok());
  {
    auto directory = DataDirectory::Open(data_dir_, *user);
    ASSERT_TRUE(directory.ok());
    ASSERT_TRUE((*directory)->MakePrivateFolder((*directory)->cluster_path()).ok());
    std::ofstream((*directory)->cluster_path() + "/PG_VERSION") << "11\n";
  }
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  const std::string message(postgres.Start().message());
  EXPECT_THAT(message, HasSubstr("is of PostgreSQL 11"));
  EXPECT_THAT(message, HasSubstr("install PostgreSQL 11"));
}

TEST_F(RefusedEmbeddedPostgresTest, ProgramsThatAreNotThereAreNamedBeforeAnythingIsMade) {
  EmbeddedPostgres::Options options = OptionsFor(data_dir_ + "/deep/below");
  options.programs_folder = folder_.path() + "/nowhere";
  EmbeddedPostgres postgres(options, clock_);
  const std::string message(postgres.Start().message());
  EXPECT_THAT(message, HasSubstr("/nowhere does not hold the programs initdb and postgres"));
  EXPECT_THAT(message, HasSubstr("leave out --postgres-bin-dir"));
  EXPECT_FALSE(fs::exists(data_dir_));
}

TEST_F(RefusedEmbeddedPostgresTest, AFolderThatIsNoClusterIsRefusedAndNothingIsPutBesideIt) {
  absl::StatusOr<ProcessUser> user = FindDatabaseUser("postgres");
  ASSERT_TRUE(user.ok());
  fs::create_directories(data_dir_ + "/cluster");
  ASSERT_EQ(chown((data_dir_ + "/cluster").c_str(), user->uid, user->gid), 0);
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  const std::string message(postgres.Start().message());
  EXPECT_THAT(message, HasSubstr("/cluster is not a PostgreSQL cluster; name another folder"));
  EXPECT_EQ(std::distance(fs::directory_iterator(data_dir_), {}), 1);
}

TEST_F(RefusedEmbeddedPostgresTest, AFileInPlaceOfTheFolderIsRefusedByName) {
  std::ofstream(data_dir_) << "not a folder";
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  const std::string message(postgres.Start().message());
  EXPECT_THAT(message, HasSubstr(data_dir_));
  EXPECT_THAT(message, HasSubstr("--data-dir"));
}

// What only root meets, who gives the database another user; CMake leaves these out for others.
class RefusedEmbeddedPostgresAsRootTest : public RefusedEmbeddedPostgresTest {
 protected:
  void SetUp() override { ASSERT_EQ(geteuid(), 0u); }
};

TEST_F(RefusedEmbeddedPostgresAsRootTest, AMissingUnprivilegedUserIsNamed) {
  EmbeddedPostgres::Options options = OptionsFor(data_dir_);
  options.unprivileged_user = "no-such-user";
  EmbeddedPostgres postgres(options, clock_);
  const std::string message(postgres.Start().message());
  EXPECT_THAT(message, HasSubstr("no user \"no-such-user\""));
  EXPECT_THAT(message, HasSubstr("--database-url"));
}

TEST_F(RefusedEmbeddedPostgresAsRootTest,
       AFolderThatTheDatabaseUserCannotEnterIsNamedAndLeftAlone) {
  fs::create_directory(folder_.path() + "/open");
  chmod(folder_.path().c_str(), 0700);
  for (const std::string data_dir : {"/open", "/data", "/open/deep/below"}) {
    EmbeddedPostgres postgres(OptionsFor(folder_.path() + data_dir), clock_);
    const std::string message(postgres.Start().message());
    EXPECT_THAT(message, HasSubstr("data directory " + folder_.path() + data_dir));
    EXPECT_THAT(message, HasSubstr("user postgres cannot enter " + folder_.path() + ";"));
    EXPECT_THAT(message, HasSubstr("chmod o+x " + folder_.path() + ")"));
    EXPECT_THAT(message, HasSubstr("--data-dir"));
  }
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/open"));
  EXPECT_FALSE(fs::exists(data_dir_));
}

TEST_F(RefusedEmbeddedPostgresAsRootTest, ADataDirectoryThatIsClosedIsNamedAndLeftAlone) {
  fs::create_directory(data_dir_);
  chmod(data_dir_.c_str(), 0700);
  EmbeddedPostgres postgres(OptionsFor(data_dir_), clock_);
  EXPECT_THAT(std::string(postgres.Start().message()), HasSubstr("chmod o+x " + data_dir_ + ")"));
  EXPECT_TRUE(fs::is_empty(data_dir_));
}

TEST_F(RefusedEmbeddedPostgresAsRootTest, ProgramsThatTheDatabaseUserCannotRunAreNamed) {
  const std::string programs = folder_.path() + "/programs";
  fs::create_directory(programs);
  for (const char* name : {"/initdb", "/postgres"}) fs::copy("/bin/true", programs + name);
  chmod(programs.c_str(), 0700);
  EmbeddedPostgres::Options options = OptionsFor(data_dir_);
  options.programs_folder = programs;
  EmbeddedPostgres postgres(options, clock_);
  const std::string message(postgres.Start().message());
  EXPECT_THAT(message, HasSubstr(programs + " holds a program that user postgres cannot run"));
  EXPECT_THAT(message, HasSubstr("--postgres-bin-dir"));
  EXPECT_FALSE(fs::exists(data_dir_));
}

}  // namespace
}  // namespace millrace
