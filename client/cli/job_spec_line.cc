#include "client/cli/job_spec_line.h"

#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/arguments.h"
#include "client/cli/json_members.h"
#include "client/output/names.h"
#include "nlohmann/json.hpp"

namespace millrace::cli {
namespace {

absl::Status Fault(const JsonMember& member, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(member.name, ": ", what));
}

nlohmann::json Parsed(const JsonMember& member) {
  return nlohmann::json::parse(member.value, nullptr, /*allow_exceptions=*/false);
}

absl::Status SetText(const JsonMember& member, std::string& target) {
  const nlohmann::json value = Parsed(member);
  if (!value.is_string()) return Fault(member, "must be a string");
  target = value.get<std::string>();
  return absl::OkStatus();
}

absl::Status SetInteger(const JsonMember& member, int& target) {
  const nlohmann::json value = Parsed(member);
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() ||
       value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int>::max())) &&
      value.get<int64_t>() >= std::numeric_limits<int>::min();
  if (!fits) return Fault(member, "must be a whole number of 16 bits");
  target = value.get<int>();
  return absl::OkStatus();
}

// An object as it was written, or a string that holds one.
absl::Status SetObject(const JsonMember& member, std::string& target) {
  if (member.value.starts_with('"')) return SetText(member, target);
  if (!member.value.starts_with('{')) return Fault(member, "must be a JSON object");
  target = member.value;
  return absl::OkStatus();
}

absl::Status SetFlags(const JsonMember& member, JobSpec& spec) {
  const nlohmann::json value = Parsed(member);
  if (!value.is_array()) return Fault(member, "must be an array of strings");
  for (const nlohmann::json& flag : value) {
    if (!flag.is_string()) return Fault(member, "must be an array of strings");
    spec.flags.push_back(flag.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status SetRunAt(const JsonMember& member, JobSpec& spec) {
  std::string text;
  if (absl::Status set = SetText(member, text); !set.ok()) return set;
  if (text.starts_with('+')) return Fault(member, "must be a time such as 2026-03-01T12:00:00Z");
  const absl::StatusOr<absl::Time> time = ParseTime(text, absl::UnixEpoch());
  if (!time.ok()) return Fault(member, std::string(time.status().message()));
  spec.run_at = *time;
  return absl::OkStatus();
}

absl::Status SetKeyMode(const JsonMember& member, JobSpec& spec) {
  std::string text;
  if (absl::Status set = SetText(member, text); !set.ok()) return set;
  spec.job_key_mode = ParseJobKeyMode(text);
  if (spec.job_key_mode.has_value()) return absl::OkStatus();
  return Fault(member, "must be one of " + absl::StrJoin(JobKeyModeNames(), ", "));
}

absl::Status SetMember(const JsonMember& member, JobSpec& spec) {
  // As if it were left out.
  if (member.value == "null") return absl::OkStatus();
  if (member.name == "task_identifier") return SetText(member, spec.task_identifier);
  if (member.name == "payload") return SetObject(member, spec.payload);
  if (member.name == "queue_name") return SetText(member, spec.queue_name);
  if (member.name == "run_at") return SetRunAt(member, spec);
  if (member.name == "priority") return SetInteger(member, spec.priority);
  if (member.name == "max_attempts") return SetInteger(member, spec.max_attempts.emplace());
  if (member.name == "job_key") return SetText(member, spec.job_key);
  if (member.name == "job_key_mode") return SetKeyMode(member, spec);
  if (member.name == "flags") return SetFlags(member, spec);
  if (member.name == "correlation_id") return SetText(member, spec.correlation_id);
  if (member.name == "metadata") return SetObject(member, spec.metadata);
  return Fault(member,
               "a job has no such field; there are task_identifier, payload, queue_name, run_at, "
               "priority, max_attempts, job_key, job_key_mode, flags, correlation_id, metadata");
}

}  // namespace

absl::StatusOr<JobSpec> ParseJobSpecLine(std::string_view line) {
  const absl::StatusOr<std::vector<JsonMember>> members = SplitJsonObject(line);
  if (!members.ok()) return members.status();
  JobSpec spec;
  for (const JsonMember& member : *members) {
    if (absl::Status set = SetMember(member, spec); !set.ok()) return set;
  }
  return spec;
}

}  // namespace millrace::cli
