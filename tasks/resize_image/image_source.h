#pragma once

#include <sys/stat.h>

#include <stop_token>
#include <string>
#include <vips/vips8>

#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "tasks/support/file_descriptor.h"

namespace millrace {

// An image file as the image library reads it, with what the library's own files lack: every read
// ends at once when the stop token has fired, and a read that the disk refused is told apart from
// bytes that are no image. Whoever decodes an image makes one; it lives longer than every image
// that reads from it. Thread-safe: the library reads in threads of its own.
class ImageSource {
 public:
  // REQUIRES: `file` is open for reading.
  ImageSource(FileDescriptor file, std::string path, std::stop_token stop_token);
  ~ImageSource();
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
  bool WasWrittenTo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const std::string path_;
  const std::stop_token stop_token_;
  vips::VSource source_;

  mutable Mutex mutex_;
  const FileDescriptor file_ ABSL_GUARDED_BY(mutex_);
  struct stat opened_as_ ABSL_GUARDED_BY(mutex_) {};
  // The first read that failed.
  absl::Status read_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
