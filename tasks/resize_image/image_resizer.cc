#include "tasks/resize_image/image_resizer.h"

#include <sys/stat.h>

#include <utility>
#include <vips/vips8>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "tasks/resize_image/image_source.h"
#include "tasks/support/file_descriptor.h"

namespace millrace {
namespace {

using vips::VImage;

void LogLibraryMessage(const char* /*domain*/, GLogLevelFlags /*level*/, const char* message,
                       void* /*data*/) {
  spdlog::debug("libvips: {}", message);
}

// Of the many readers of the library only those of the formats that are promised.
void AllowReaders() {
  vips_operation_block_set("VipsForeignLoad", TRUE);
  for (const char* reader :
       {"VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp", "VipsForeignLoadNsgif",
        "VipsForeignLoadTiff", "VipsForeignLoadHeif"}) {
    vips_operation_block_set(reader, FALSE);
  }
}

// The library is set up once per process and never taken down, since other threads may be in it.
bool LibraryIsReady() {
  static const bool ready = [] {
    if (vips_init("millrace") != 0) return false;
    AllowReaders();
    // The pool's workers are the parallelism.
    vips_concurrency_set(1);
    // A cached result would outlive a change of the file.
    vips_cache_set_max(0);
    g_log_set_handler("VIPS", static_cast<GLogLevelFlags>(G_LOG_LEVEL_MASK), LogLibraryMessage,
                      nullptr);
    return true;
  }();
  return ready;
}

// The library's message is of several lines.
std::string FirstLine(const char* message) {
  std::string line = message;
  line.resize(std::min(line.size(), line.find('\n')));
  return line;
}

absl::Status CheckFileSize(const FileDescriptor& file, const std::string& path, int64_t limit) {
  struct stat about{};
  if (fstat(file.get(), &about) != 0) return FileError("cannot look at", path);
  if (about.st_size <= limit) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat(path, " has ", about.st_size, " bytes, more than the limit of ", limit));
}

// Decodes no pixel.
VImage ReadHeader(const ImageSource& source) {
  return VImage::new_from_source(source.source(), "",
                                 VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL));
}

absl::Status CheckPixels(const VImage& header, const std::string& path, int64_t limit) {
  const int64_t pixels = int64_t{header.width()} * header.height();
  if (pixels <= limit) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(path, " is ", header.width(), " x ", header.height(),
                                            " = ", pixels, " pixels, more than the limit of ",
                                            limit));
}

// Whether the colours are other than those of the screen; to convert them where they are not would
// change them.
bool HasOtherColours(const VImage& header) {
  return header.get_typeof(VIPS_META_ICC_NAME) != 0 ||
         header.interpretation() == VIPS_INTERPRETATION_CMYK;
}

VImage Shrink(const ImageSource& source, const ResizeRequest& request, bool convert_colours) {
  vips::VOption* const options =
      VImage::option()
          ->set("height", request.height)
          ->set("size", request.enlarge ? VIPS_SIZE_BOTH : VIPS_SIZE_DOWN)
          // The option fail_on of its own does not reach the reader of a source.
          ->set("option_string", "[fail_on=truncated]");
  if (convert_colours) options->set("export_profile", "srgb");
  VImage image = VImage::thumbnail_source(source.source(), request.width, options);
  if (request.format == ImageFormat::kJpeg && image.has_alpha()) {
    // JPEG has no transparency; without this it would become black.
    image = image.flatten(VImage::option()->set("background", std::vector<double>{255}));
  }
  return image;
}

vips::VOption* SaveOptions(const ResizeRequest& request) {
  vips::VOption* const options = VImage::option()->set("strip", request.strip_metadata);
  switch (request.format) {
    case ImageFormat::kJpeg:
      return options->set("Q", request.quality)->set("optimize_coding", true);
    case ImageFormat::kWebp:
      return options->set("Q", request.quality);
    case ImageFormat::kPng:
      break;
  }
  return options;
}

const char* FormatSuffix(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return ".jpg";
    case ImageFormat::kPng:
      return ".png";
    case ImageFormat::kWebp:
      return ".webp";
  }
  return "";
}

ResizedImage Encode(const VImage& image, const ResizeRequest& request,
                    const std::stop_token& stop_token) {
  const std::stop_callback kill(stop_token,
                                [&image] { vips_image_set_kill(image.get_image(), TRUE); });
  void* bytes = nullptr;
  size_t size = 0;
  image.write_to_buffer(FormatSuffix(request.format), &bytes, &size, SaveOptions(request));
  ResizedImage resized{std::string(static_cast<const char*>(bytes), size), image.width(),
                       image.height()};
  g_free(bytes);
  return resized;
}

}  // namespace

absl::StatusOr<ResizedImage> Resize(const ResizeRequest& request, const ImageLimits& limits,
                                    const std::stop_token& stop_token) {
  if (!LibraryIsReady()) return absl::InternalError("libvips could not be set up");
  absl::StatusOr<FileDescriptor> file = OpenRegularFile(request.source);
  if (!file.ok()) return file.status();
  if (const absl::Status fits = CheckFileSize(*file, request.source, limits.max_file_bytes);
      !fits.ok()) {
    return fits;
  }
  const ImageSource source(*std::move(file), request.source, stop_token);
  try {
    const VImage header = ReadHeader(source);
    if (const absl::Status fits = CheckPixels(header, request.source, limits.max_pixels);
        !fits.ok()) {
      return fits;
    }
    return Encode(Shrink(source, request, HasOtherColours(header)), request, stop_token);
  } catch (const vips::VError& error) {
    if (const absl::Status fault = source.ReadFault(); !fault.ok()) return fault;
    return absl::InvalidArgumentError(absl::StrCat(
        request.source, " cannot be read as an image (JPEG, PNG, WebP, GIF, TIFF or HEIF): ",
        FirstLine(error.what())));
  }
}

}  // namespace millrace
