#include "tasks/import_csv/csv_file.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace millrace {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

CsvFile::CsvFile(FileDescriptor file, std::string path)
    : file_(std::move(file)), path_(std::move(path)) {}

absl::StatusOr<CsvFile> CsvFile::Open(const std::string& path) {
  absl::StatusOr<FileDescriptor> descriptor = OpenRegularFile(path);
  if (!descriptor.ok()) return descriptor.status();
  CsvFile file(*std::move(descriptor), path);
  char start[kByteOrderMark.size()];
  const ssize_t size = pread(file.file_.get(), start, sizeof(start), 0);
  if (size < 0) return FileError("cannot read", path);
  const std::string_view begin(start, static_cast<size_t>(size));
  const size_t mark = begin == kByteOrderMark ? kByteOrderMark.size() : 0;
  if (begin.size() == mark &&
      (mark == 0 || lseek(file.file_.get(), 0, SEEK_END) == static_cast<off_t>(mark))) {
    return absl::InvalidArgumentError(path +
                                      " is empty: a line with the names of the columns is"
                                      " expected first");
  }
  if (lseek(file.file_.get(), static_cast<off_t>(mark), SEEK_SET) < 0) {
    return FileError("cannot read", path);
  }
  return file;
}

absl::StatusOr<size_t> CsvFile::Read(char* buffer, size_t size) {
  ssize_t count = 0;
  do {
    count = read(file_.get(), buffer, size);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return FileError("cannot read", path_);
  return static_cast<size_t>(count);
}

}  // namespace millrace
