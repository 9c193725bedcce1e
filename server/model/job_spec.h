#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/model/job.h"

namespace millrace {

// The limits of everything that is added, in one place (contract C1). Lengths in bytes of UTF-8.
struct JobLimits {
  static constexpr size_t kNameBytes = 128;
  static constexpr size_t kFlags = 32;
  static constexpr size_t kFlagBytes = 64;
  static constexpr size_t kMetadataBytes = 16 * 1024;
  static constexpr size_t kJsonDepth = 100;
  static constexpr size_t kJobsPerCall = 10'000;
  static constexpr int kMinPriority = -32768;
  static constexpr int kMaxPriority = 32767;
  static constexpr int kMaxAttempts = 32767;
  static constexpr int kDefaultMaxAttempts = 25;
  // A setting; this is its default.
  size_t payload_bytes = 1024 * 1024;
};

// What a new job does when a live job already holds its key.
enum class JobKeyMode { kReplace, kPreserveRunAt, kUnsafeDedupe };

// What became of a spec that was added.
enum class AddResult { kCreated, kUpdated, kExisting };

// A spec that was added. A plain value.
struct AddedJob {
  // Of the new job, of the one that was replaced in place, or of the one that holds the key.
  JobId id = 0;
  AddResult result = AddResult::kCreated;
};

// A job to be added. A plain value.
struct JobSpec {
  std::string task_identifier;
  // A JSON object as text; empty means {}.
  std::string payload;
  std::string queue_name;
  // Unset means now.
  std::optional<absl::Time> run_at;
  int priority = 0;
  // Unset means the server's, which is JobLimits::kDefaultMaxAttempts unless it is set otherwise.
  std::optional<int> max_attempts;
  std::string job_key;
  // Unset means kReplace; an error without a key.
  std::optional<JobKeyMode> job_key_mode;
  std::vector<std::string> flags;
  std::string correlation_id;
  std::string metadata;
};

// Ok, or INVALID_ARGUMENT whose message begins with the path of the field at fault, such as
// "job.task_identifier: must not be empty". `path` is what stands before the field, such as "job"
// or "jobs[3]".
absl::Status ValidateJobSpec(const JobSpec& spec, const JobLimits& limits, const std::string& path);

// The same for a whole call: the number of specs, each spec ("jobs[i]"), and no key twice.
absl::Status ValidateJobSpecs(const std::vector<JobSpec>& specs, const JobLimits& limits);

// Whether any of these, which were added so, can be claimed at once: pools are to look for it.
bool HasDueJob(const std::vector<JobSpec>& specs, const std::vector<AddedJob>& added);

// Ok, or INVALID_ARGUMENT "<field>: ..." unless `text` is a JSON object of at most `max_bytes` and
// nesting JobLimits::kJsonDepth, without \u0000 (which jsonb cannot hold).
absl::Status ValidateJsonObject(const std::string& text, size_t max_bytes,
                                const std::string& field);

// The same for a JSON value of any kind.
absl::Status ValidateJsonValue(const std::string& text, size_t max_bytes, const std::string& field);

// Ok, or INVALID_ARGUMENT "<field>: ..." unless `name` is 1 to 128 bytes of printable UTF-8.
absl::Status ValidateName(const std::string& name, const std::string& field);

// The same for a flag, which has 64 bytes at most.
absl::Status ValidateFlag(const std::string& flag, const std::string& field);

}  // namespace millrace
