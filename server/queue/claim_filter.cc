#include "server/queue/claim_filter.h"

#include <algorithm>

namespace millrace {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool ClaimFilter::Allows(const Job& job) const {
  if (!task_identifiers.empty() && !Contains(task_identifiers, job.task_identifier)) return false;
  return std::none_of(job.flags.begin(), job.flags.end(),
                      [this](const std::string& flag) { return Contains(forbidden_flags, flag); });
}

}  // namespace millrace
