#include "server/model/job_spec.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/model/json_checker.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

absl::Status Fault(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::Status ValidateJson(const std::string& text, size_t max_bytes, const std::string& field,
                          bool objects_only) {
  if (text.size() > max_bytes) {
    return Fault(field, absl::StrCat("at most ", max_bytes, " bytes, got ", text.size()));
  }
  JsonChecker checker(text, JobLimits::kJsonDepth);
  if (!checker.Check(objects_only)) return Fault(field, checker.fault());
  if (checker.expanded_bytes() > max_bytes) {
    return Fault(field,
                 absl::StrCat("at most ", max_bytes, " bytes with its numbers written out, got ",
                              checker.expanded_bytes()));
  }
  return absl::OkStatus();
}

absl::Status ValidateOptionalName(const std::string& name, const std::string& field) {
  return name.empty() ? absl::OkStatus() : ValidateName(name, field);
}

absl::Status ValidateFlags(const std::vector<std::string>& flags, const std::string& path) {
  if (flags.size() > JobLimits::kFlags) {
    return Fault(path, absl::StrCat("at most ", JobLimits::kFlags, " flags, got ", flags.size()));
  }
  for (size_t i = 0; i < flags.size(); ++i) {
    if (absl::Status valid = ValidateFlag(flags[i], absl::StrCat(path, "[", i, "]")); !valid.ok())
      return valid;
  }
  return absl::OkStatus();
}

absl::Status ValidateRange(int value, int low, int high, const std::string& field) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Fault(field, absl::StrCat("must be ", low, " to ", high, ", got ", value));
}

}  // namespace

absl::Status ValidateName(const std::string& name, const std::string& field) {
  if (name.empty()) return Fault(field, "must not be empty");
  if (name.size() > JobLimits::kNameBytes) {
    return Fault(field,
                 absl::StrCat("at most ", JobLimits::kNameBytes, " bytes, got ", name.size()));
  }
  if (!IsPrintableUtf8(name)) return Fault(field, "must be printable UTF-8");
  return absl::OkStatus();
}

absl::Status ValidateFlag(const std::string& flag, const std::string& field) {
  if (absl::Status valid = ValidateName(flag, field); !valid.ok()) return valid;
  if (flag.size() <= JobLimits::kFlagBytes) return absl::OkStatus();
  return Fault(field, absl::StrCat("at most ", JobLimits::kFlagBytes, " bytes, got ", flag.size()));
}

absl::Status ValidateJsonObject(const std::string& text, size_t max_bytes,
                                const std::string& field) {
  return ValidateJson(text, max_bytes, field, /*objects_only=*/true);
}

absl::Status ValidateJsonValue(const std::string& text, size_t max_bytes,
                               const std::string& field) {
  return ValidateJson(text, max_bytes, field, /*objects_only=*/false);
}

absl::Status ValidateJobSpec(const JobSpec& spec, const JobLimits& limits,
                             const std::string& path) {
  const auto field = [&path](const char* name) { return absl::StrCat(path, ".", name); };
  // The first fault ends it: the caller mends one field at a time.
  if (absl::Status s = ValidateName(spec.task_identifier, field("task_identifier")); !s.ok())
    return s;
  if (!spec.payload.empty()) {
    if (absl::Status s = ValidateJsonObject(spec.payload, limits.payload_bytes, field("payload"));
        !s.ok())
      return s;
  }
  if (absl::Status s = ValidateOptionalName(spec.queue_name, field("queue_name")); !s.ok())
    return s;
  static const absl::Time kFirst = absl::FromCivil(absl::CivilYear(1970), absl::UTCTimeZone());
  static const absl::Time kLast = absl::FromCivil(absl::CivilYear(2201), absl::UTCTimeZone());
  if (spec.run_at.has_value() && (*spec.run_at < kFirst || *spec.run_at >= kLast)) {
    return Fault(field("run_at"), "must be from the year 1970 to the year 2200");
  }
  if (absl::Status s = ValidateRange(spec.priority, JobLimits::kMinPriority,
                                     JobLimits::kMaxPriority, field("priority"));
      !s.ok())
    return s;
  if (absl::Status s = ValidateRange(spec.max_attempts.value_or(JobLimits::kDefaultMaxAttempts), 1,
                                     JobLimits::kMaxAttempts, field("max_attempts"));
      !s.ok())
    return s;
  if (absl::Status s = ValidateOptionalName(spec.job_key, field("job_key")); !s.ok()) return s;
  if (spec.job_key_mode.has_value() && spec.job_key.empty()) {
    return Fault(field("job_key_mode"), "needs a job_key");
  }
  if (absl::Status s = ValidateFlags(spec.flags, field("flags")); !s.ok()) return s;
  if (absl::Status s = ValidateOptionalName(spec.correlation_id, field("correlation_id")); !s.ok())
    return s;
  if (spec.metadata.empty()) return absl::OkStatus();
  return ValidateJsonObject(spec.metadata, JobLimits::kMetadataBytes, field("metadata"));
}

absl::Status ValidateJobSpecs(const std::vector<JobSpec>& specs, const JobLimits& limits) {
  if (specs.empty()) return Fault("jobs", "must not be empty");
  if (specs.size() > JobLimits::kJobsPerCall) {
    return Fault(
        "jobs", absl::StrCat("at most ", JobLimits::kJobsPerCall, " per call, got ", specs.size()));
  }
  absl::flat_hash_map<std::string, size_t> keys;
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::string path = absl::StrCat("jobs[", i, "]");
    if (absl::Status valid = ValidateJobSpec(specs[i], limits, path); !valid.ok()) return valid;
    if (specs[i].job_key.empty()) continue;
    const auto [first, fresh] = keys.try_emplace(specs[i].job_key, i);
    if (!fresh) {
      return Fault(path + ".job_key", absl::StrCat("is that of jobs[", first->second, "] already"));
    }
  }
  return absl::OkStatus();
}

bool HasDueJob(const std::vector<JobSpec>& specs, const std::vector<AddedJob>& added) {
  for (size_t i = 0; i < specs.size() && i < added.size(); ++i) {
    if (!specs[i].run_at.has_value() && added[i].result != AddResult::kExisting) return true;
  }
  return false;
}

}  // namespace millrace
