#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tasks/support/file_descriptor.h"

namespace millrace {

// The bytes of a CSV file, without the byte order mark that some programs put before UTF-8. Used
// from one thread: that of the caller.
class CsvFile {
 public:
  // As OpenRegularFile; INVALID_ARGUMENT if the file is empty, since a header is expected.
  static absl::StatusOr<CsvFile> Open(const std::string& path);

  // Fills the buffer and returns how much it put there; 0 at the end. As FileError.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

 private:
  CsvFile(FileDescriptor file, std::string path);

  FileDescriptor file_;
  std::string path_;
};

}  // namespace millrace
