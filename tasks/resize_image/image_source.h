#pragma once

#include <sys/stat.h>

#include <stop_token>
#include <string>
#include <vips/vips8>

#include "absl/status/statusor.h"
#include "tasks/support/file_descriptor.h"

namespace millrace {

// An image file as the image library reads it, with what the library's own files lack: every read
// ends at once when the stop token has fired, and a read that the disk refused is told apart from
// bytes that are no image. It lives longer than every image that reads from it. Used from one
// thread at a time; the library sees to that.
class ImageSource {
 public:
  // REQUIRES: `file` is open for reading.
  ImageSource(FileDescriptor file, std::string path, std::stop_token stop_token);
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;

  const vips::VSource& source() const { return source_; }

  // Why the library could not read it, where it is not the fault of the bytes: CANCELLED after the
  // stop token has fired, UNAVAILABLE if the file was written to in the meantime, a FileError of
  // the disk. Ok if it is the bytes.
  absl::Status ReadFault() const;

 private:
  static gint64 Read(VipsSourceCustom* source, void* buffer, gint64 length, void* self);
  static gint64 Seek(VipsSourceCustom* source, gint64 offset, int whence, void* self);
  bool WasWrittenTo() const;

  // Constant after construction.
  const FileDescriptor file_;
  const std::string path_;
  const std::stop_token stop_token_;
  struct stat opened_as_{};
  vips::VSource source_;

  // The first read that failed.
  absl::Status read_status_;
};

}  // namespace millrace
