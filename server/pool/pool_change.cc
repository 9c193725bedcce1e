#include "server/pool/pool_change.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/model/job_spec.h"

namespace millrace {
namespace {

using Faults = std::vector<std::string>;

std::string FieldOf(const char* list, size_t i) { return absl::StrCat(list, ".names[", i, "]"); }

// Whether the list can be looked at one by one.
bool CheckCount(const char* list, const std::vector<std::string>& names, Faults& faults) {
  if (names.size() <= PoolConfig::kMaxNames) return true;
  faults.push_back(absl::StrCat(list, ".names: must be at most ", PoolConfig::kMaxNames, ", got ",
                                names.size()));
  return false;
}

void CheckNames(const char* list, const std::vector<std::string>& names, Faults& faults) {
  for (size_t i = 0; i < names.size(); ++i) {
    const absl::Status valid = ValidateName(names[i], FieldOf(list, i));
    if (!valid.ok()) faults.emplace_back(valid.message());
  }
}

void CheckTasks(const std::vector<std::string>& names, const TaskRegistry& tasks, Faults& faults) {
  constexpr char kList[] = "task_identifiers";
  for (size_t i = 0; i < names.size(); ++i) {
    const absl::Status valid = ValidateName(names[i], FieldOf(kList, i));
    if (!valid.ok() || tasks.Find(names[i]) != nullptr) continue;
    faults.push_back(
        absl::StrCat(FieldOf(kList, i), ": no handler is registered for \"", names[i], "\""));
  }
}

}  // namespace

absl::Status PoolChange::Validate(const PoolConfig& config, const TaskRegistry& tasks) const {
  Faults faults;
  if (concurrency.has_value() && (*concurrency < 1 || *concurrency > PoolConfig::kMaxConcurrency)) {
    faults.push_back(absl::StrCat("concurrency: must be 1 to ", PoolConfig::kMaxConcurrency,
                                  ", got ", *concurrency));
  }
  if (task_identifiers.has_value() && CheckCount("task_identifiers", *task_identifiers, faults)) {
    CheckNames("task_identifiers", *task_identifiers, faults);
    if (!config.claim_unknown_tasks) CheckTasks(*task_identifiers, tasks, faults);
  }
  if (forbidden_flags.has_value() && CheckCount("forbidden_flags", *forbidden_flags, faults)) {
    CheckNames("forbidden_flags", *forbidden_flags, faults);
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

void PoolChange::ApplyTo(PoolConfig& config) const {
  if (concurrency.has_value()) config.concurrency = *concurrency;
  if (task_identifiers.has_value()) config.task_identifiers = *task_identifiers;
  if (forbidden_flags.has_value()) config.forbidden_flags = *forbidden_flags;
}

}  // namespace millrace
