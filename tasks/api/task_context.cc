#include "tasks/api/task_context.h"

#include <utility>

#include "server/model/utf8.h"

namespace millrace {

absl::Status TaskContext::ReportProgress(double percent, const std::string& message,
                                         std::map<std::string, int64_t> counters) {
  JobProgress progress{percent, CleanUtf8(message, ProgressLimits::kMessageBytes),
                       std::move(counters)};
  absl::Status valid = ValidateProgress(progress);
  if (valid.ok()) KeepProgress(std::move(progress));
  return valid;
}

}  // namespace millrace
