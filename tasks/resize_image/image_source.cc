#include "tasks/resize_image/image_source.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace millrace {

ImageSource::ImageSource(FileDescriptor file, std::string path, std::stop_token stop_token)
    : path_(std::move(path)),
      stop_token_(std::move(stop_token)),
      source_(VIPS_SOURCE(vips_source_custom_new())),
      file_(std::move(file)) {
  MutexLock lock(mutex_);
  if (fstat(file_.get(), &opened_as_) != 0) read_status_ = FileError("cannot look at", path_);
  g_signal_connect(source_.get_source(), "read", G_CALLBACK(&ImageSource::Read), this);
  g_signal_connect(source_.get_source(), "seek", G_CALLBACK(&ImageSource::Seek), this);
}

ImageSource::~ImageSource() {
  // The last read, in whatever thread, has ended.
  MutexLock lock(mutex_);
}

gint64 ImageSource::Read(VipsSourceCustom* /*source*/, void* buffer, gint64 length, void* self) {
  auto& image = *static_cast<ImageSource*>(self);
  MutexLock lock(image.mutex_);
  if (image.stop_token_.stop_requested()) return -1;
  ssize_t count = 0;
  do {
    count = read(image.file_.get(), buffer, static_cast<size_t>(length));
  } while (count < 0 && errno == EINTR);
  if (count < 0 && image.read_status_.ok()) {
    image.read_status_ = FileError("cannot read", image.path_);
  }
  return count;
}

gint64 ImageSource::Seek(VipsSourceCustom* /*source*/, gint64 offset, int whence, void* self) {
  auto& image = *static_cast<ImageSource*>(self);
  MutexLock lock(image.mutex_);
  return lseek(image.file_.get(), offset, whence);
}

bool ImageSource::WasWrittenTo() const {
  struct stat now{};
  return fstat(file_.get(), &now) == 0 &&
         (now.st_size != opened_as_.st_size || now.st_mtim.tv_sec != opened_as_.st_mtim.tv_sec ||
          now.st_mtim.tv_nsec != opened_as_.st_mtim.tv_nsec);
}

absl::Status ImageSource::ReadFault() const {
  MutexLock lock(mutex_);
  if (stop_token_.stop_requested()) return absl::CancelledError("asked to stop");
  if (!read_status_.ok()) return read_status_;
  if (WasWrittenTo()) {
    return absl::UnavailableError(path_ + " was written to while it was read");
  }
  return absl::OkStatus();
}

}  // namespace millrace
