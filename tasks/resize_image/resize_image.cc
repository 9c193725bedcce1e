#include "tasks/resize_image/resize_image.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tasks/support/atomic_file.h"
#include "tasks/support/payload_reader.h"

namespace millrace {
namespace {

std::optional<ImageFormat> FormatOf(const std::string& path) {
  const std::string ending =
      absl::AsciiStrToLower(std::filesystem::path(path).extension().string());
  if (ending == ".jpg" || ending == ".jpeg") return ImageFormat::kJpeg;
  if (ending == ".png") return ImageFormat::kPng;
  if (ending == ".webp") return ImageFormat::kWebp;
  return std::nullopt;
}

ResizeRequest ReadRequest(PayloadReader& payload, std::string& target) {
  ResizeRequest request;
  request.source = payload.RequiredAbsolutePath("source");
  target = payload.RequiredAbsolutePath("target");
  request.width = static_cast<int>(payload.RequiredInt("width", 1, kMaxImageSide));
  request.height = static_cast<int>(payload.RequiredInt("height", 1, kMaxImageSide));
  request.quality = static_cast<int>(payload.OptionalInt("quality", 1, 100, request.quality));
  request.enlarge = payload.OptionalBool("enlarge", request.enlarge);
  request.strip_metadata = payload.OptionalBool("strip_metadata", request.strip_metadata);
  if (target.empty()) return request;
  if (const std::optional<ImageFormat> format = FormatOf(target); format.has_value()) {
    request.format = *format;
  } else {
    payload.AddFault("target", "must end in .jpg, .jpeg, .png or .webp");
  }
  return request;
}

bool AreTheSameFile(const std::string& source, const std::string& target) {
  std::error_code error;
  return std::filesystem::equivalent(source, target, error) && !error;
}

// What repeating cannot mend cancels the job.
TaskResult NotDone(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return TaskResult::Cancel(message);
    default:
      return TaskResult::Fail(message);
  }
}

}  // namespace

TaskResult ResizeImage::operator()(TaskContext& context) const {
  PayloadReader payload(context.job().payload);
  std::string target;
  const ResizeRequest request = ReadRequest(payload, target);
  if (const absl::Status valid = payload.Finish(); !valid.ok()) return NotDone(valid);
  if (AreTheSameFile(request.source, target)) {
    return TaskResult::Cancel("payload.target: is the same file as payload.source, " +
                              request.source);
  }
  const absl::StatusOr<ResizedImage> resized = Resize(request, limits_, context.stop_token());
  if (!resized.ok()) return NotDone(resized.status());
  if (context.StopRequested()) return NotDone(absl::CancelledError("asked to stop"));
  if (const absl::Status written = WriteFileAtomically(target, resized->encoded); !written.ok()) {
    return NotDone(written);
  }
  return TaskResult::Success(nlohmann::json{
      {"width", resized->width}, {"height", resized->height}, {"bytes", resized->encoded.size()}}
                                 .dump());
}

}  // namespace millrace
