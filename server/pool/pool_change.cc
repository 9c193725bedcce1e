#include "server/pool/pool_change.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/model/job_spec.h"

namespace millrace {
namespace {

using Faults = std::vector<std::string>;

std::string FieldOf(const char* list, size_t i) { return absl::StrCat(list, ".names[", i, "]"); }

void CheckNames(const char* list, const std::vector<std::string>& names, Faults& faults) {
  if (names.size() > PoolConfig::kMaxNames) {
    faults.push_back(absl::StrCat(list, ".names: must be at most ", PoolConfig::kMaxNames, ", got ",
                                  names.size()));
    return;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const absl::Status valid = ValidateName(names[i], FieldOf(list, i));
    if (!valid.ok()) faults.emplace_back(valid.message());
  }
}

Faults FindFaults(const PoolChange& change) {
  Faults faults;
  const std::optional<int> concurrency = change.concurrency;
  if (concurrency.has_value() && (*concurrency < 1 || *concurrency > PoolConfig::kMaxConcurrency)) {
    faults.push_back(absl::StrCat("concurrency: must be 1 to ", PoolConfig::kMaxConcurrency,
                                  ", got ", *concurrency));
  }
  if (change.task_identifiers.has_value()) {
    CheckNames("task_identifiers", *change.task_identifiers, faults);
  }
  if (change.forbidden_flags.has_value()) {
    CheckNames("forbidden_flags", *change.forbidden_flags, faults);
  }
  return faults;
}

// Of names that are in order.
void CheckTasks(const std::vector<std::string>& names, const TaskRegistry& tasks, Faults& faults) {
  if (names.size() > PoolConfig::kMaxNames) return;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string field = FieldOf("task_identifiers", i);
    if (!ValidateName(names[i], field).ok() || tasks.Find(names[i]) != nullptr) continue;
    faults.push_back(absl::StrCat(field, ": no handler is registered for \"", names[i], "\""));
  }
}

absl::Status ToStatus(const Faults& faults) {
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "; "));
}

}  // namespace

absl::Status PoolChange::ValidateValues() const { return ToStatus(FindFaults(*this)); }

absl::Status PoolChange::Validate(const PoolConfig& config, const TaskRegistry& tasks) const {
  Faults faults = FindFaults(*this);
  if (task_identifiers.has_value() && !config.claim_unknown_tasks) {
    CheckTasks(*task_identifiers, tasks, faults);
  }
  return ToStatus(faults);
}

void PoolChange::ApplyTo(PoolConfig& config) const {
  if (concurrency.has_value()) config.concurrency = *concurrency;
  if (task_identifiers.has_value()) config.task_identifiers = *task_identifiers;
  if (forbidden_flags.has_value()) config.forbidden_flags = *forbidden_flags;
}

}  // namespace millrace
