#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace millrace {

// What an image file is made into.
enum class ImageFormat { kJpeg, kPng, kWebp };

struct ResizeRequest {
  // Absolute path of the image to read.
  std::string source;
  ImageFormat format = ImageFormat::kJpeg;
  // The box that the result fits into, in pixels.
  int width = 1;
  int height = 1;
  // 1 to 100, for JPEG and WebP.
  int quality = 82;
  // Makes an image that is smaller than the box larger, too.
  bool enlarge = false;
  // Leaves out camera data, places and comments.
  bool strip_metadata = true;
};

struct ResizedImage {
  // In the format that was asked for.
  std::string encoded;
  int width = 0;
  int height = 0;
};

// What an image may be at most, so that a small file cannot fill the memory.
struct ImageLimits {
  int64_t max_pixels = 150'000'000;
  int64_t max_file_bytes = int64_t{512} * 1024 * 1024;
};

// The longest side that all output formats can hold.
inline constexpr int kMaxImageSide = 16383;

// Reads an image (JPEG, PNG, WebP, GIF, TIFF, HEIF; of several pages the first) and makes a smaller
// one of it, keeping its proportions and turning it upright as its EXIF orientation says, in sRGB.
//
// Errors: as OpenRegularFile and ImageSource::ReadFault; INVALID_ARGUMENT if the bytes are not a
// whole image of these formats; OUT_OF_RANGE if it is beyond the limits; CANCELLED soon after the
// stop token has fired. Thread-safe.
absl::StatusOr<ResizedImage> Resize(const ResizeRequest& request, const ImageLimits& limits,
                                    const std::stop_token& stop_token);

}  // namespace millrace
