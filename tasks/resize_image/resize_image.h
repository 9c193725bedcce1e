#pragma once

#include "tasks/api/task_context.h"
#include "tasks/api/task_result.h"
#include "tasks/resize_image/image_resizer.h"

namespace millrace {

// The task resize_image: makes an image file fit into a box. The payload:
//
//   source          absolute path of the image
//   target          absolute path of the result; its ending (.jpg, .jpeg, .png, .webp) is the
//   format width, height   the box in pixels quality         1 to 100, of JPEG and WebP; default 82
//   enlarge         also make small images larger; default false
//   strip_metadata  leave out camera data, places and comments; default true
//
// The result is {"width": .., "height": .., "bytes": ..}. The target is never half written. A file
// that is missing or cannot be written is a failure, since a later attempt may find it mended; a
// payload at fault and a source that is no image cancel the job. Thread-safe; the registry owns it.
class ResizeImage {
 public:
  explicit ResizeImage(ImageLimits limits) : limits_(limits) {}

  TaskResult operator()(TaskContext& context) const;

 private:
  const ImageLimits limits_;
};

}  // namespace millrace
