#pragma once

#include <string>
#include <vector>

#include "server/model/job.h"

namespace millrace {

// Which jobs a pool may take. A plain value.
struct ClaimFilter {
  // Only jobs of these tasks; empty means of every task.
  std::vector<std::string> task_identifiers;
  // No jobs with any of these flags.
  std::vector<std::string> forbidden_flags;

  bool Allows(const Job& job) const;
};

}  // namespace millrace
