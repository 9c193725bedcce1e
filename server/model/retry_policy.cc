#include "server/model/retry_policy.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "absl/strings/str_join.h"

namespace millrace {

absl::Duration RetryPolicy::DelayAfter(int attempt, absl::BitGenRef random) const {
  // In seconds as a double, where the power of a large attempt is infinity and not an overflow.
  const double wanted = absl::ToDoubleSeconds(base) * std::pow(multiplier, attempt);
  const double held =
      std::min(std::max(wanted, absl::ToDoubleSeconds(base)), absl::ToDoubleSeconds(maximum));
  return absl::Seconds(held + held * jitter * absl::Uniform<double>(random, 0.0, 1.0));
}

absl::Status RetryPolicy::Validate() const {
  std::vector<std::string> faults;
  if (base <= absl::ZeroDuration()) faults.emplace_back("retry-base-ms: must be positive");
  if (maximum < base) faults.emplace_back("retry-maximum-ms: must not be below retry-base-ms");
  if (maximum > absl::Hours(24 * 365))
    faults.emplace_back("retry-maximum-ms: must be at most a year");
  if (!(multiplier >= 1.0 && multiplier <= 1000.0)) {
    faults.emplace_back("retry-multiplier: must be 1 to 1000");
  }
  if (!(jitter >= 0.0 && jitter <= 1.0)) faults.emplace_back("retry-jitter: must be 0 to 1");
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

}  // namespace millrace
