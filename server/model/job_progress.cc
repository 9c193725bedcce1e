#include "server/model/job_progress.h"

#include "absl/strings/str_cat.h"
#include "server/model/job_spec.h"

namespace millrace {

absl::Status ValidateProgress(const JobProgress& progress) {
  // Written so that what is no number is refused, too.
  if (!(progress.percent >= 0 && progress.percent <= 100)) {
    return absl::InvalidArgumentError(
        absl::StrCat("percent: must be 0 to 100, got ", progress.percent));
  }
  if (progress.counters.size() > ProgressLimits::kCounters) {
    return absl::InvalidArgumentError(absl::StrCat("counters: at most ", ProgressLimits::kCounters,
                                                   ", got ", progress.counters.size()));
  }
  for (const auto& [name, count] : progress.counters) {
    if (absl::Status valid = ValidateName(name, "counters"); !valid.ok()) return valid;
    if (name.size() <= ProgressLimits::kCounterNameBytes) continue;
    return absl::InvalidArgumentError(absl::StrCat("counters: a name has at most ",
                                                   ProgressLimits::kCounterNameBytes,
                                                   " bytes, got ", name.size()));
  }
  return absl::OkStatus();
}

}  // namespace millrace
