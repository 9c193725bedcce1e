#include "tasks/support/atomic_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/unit/tasks/temp_folder.h"

namespace millrace {
namespace {

TEST(AtomicFileTest, OldFileIsReplacedAndNothingElseIsLeft) {
  const TempFolder folder;
  const std::string path = folder.Write("a.bin", "old");
  ASSERT_TRUE(WriteFileAtomically(path, "new").ok());
  EXPECT_EQ(folder.Read("a.bin"), "new");
  EXPECT_EQ(folder.FileCount(), 1u);
}

TEST(AtomicFileTest, FailureLeavesTheFolderAsItWas) {
  const TempFolder folder;
  std::filesystem::create_directories(folder.Path("a.bin/within"));
  EXPECT_FALSE(WriteFileAtomically(folder.Path("a.bin"), "new").ok());
  EXPECT_EQ(folder.FileCount(), 1u);
}

TEST(AtomicFileTest, MissingFolderIsNotFoundAndNamed) {
  const TempFolder folder;
  const absl::Status status = WriteFileAtomically(folder.Path("none/a.bin"), "new");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find(folder.Path("none")), std::string::npos);
}

}  // namespace
}  // namespace millrace
