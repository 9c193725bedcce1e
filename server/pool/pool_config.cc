#include "server/pool/pool_config.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/model/job_spec.h"

namespace millrace {
namespace {

constexpr int kMaxQueueSize = 100'000;
constexpr absl::Duration kDay = absl::Hours(24);

// Gathers what is wrong with values, which are named as the server's options.
class Faults {
 public:
  void Range(const char* name, int value, int low, int high) {
    if (value >= low && value <= high) return;
    faults_.push_back(absl::StrCat(name, ": must be ", low, " to ", high, ", got ", value));
  }

  // The option is in milliseconds.
  void Range(const char* name, absl::Duration value, absl::Duration low, absl::Duration high) {
    if (value >= low && value <= high) return;
    faults_.push_back(absl::StrCat(name, ": must be ", absl::ToInt64Milliseconds(low), " to ",
                                   absl::ToInt64Milliseconds(high), ", got ",
                                   absl::ToInt64Milliseconds(value)));
  }

  void Names(const char* name, const std::vector<std::string>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      Add(ValidateName(values[i], absl::StrCat(name, "[", i, "]")));
    }
  }

  void Add(const absl::Status& status) {
    if (!status.ok()) faults_.emplace_back(status.message());
  }

  void AddIf(bool wrong, const char* fault) {
    if (wrong) faults_.emplace_back(fault);
  }

  absl::Status status() const {
    if (faults_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(faults_, "; "));
  }

 private:
  std::vector<std::string> faults_;
};

}  // namespace

absl::Status PoolConfig::Validate() const {
  Faults faults;
  faults.Range("concurrency", concurrency, 1, kMaxConcurrency);
  faults.Range("poll-interval-ms", poll_interval, absl::Milliseconds(10), absl::Hours(1));
  faults.Range("queue-size", queue_size, 0, kMaxQueueSize);
  faults.Range("queue-ttl-ms", queue_ttl, absl::Milliseconds(100), kDay);
  faults.Range("graceful-shutdown-timeout-ms", graceful_shutdown_timeout, absl::ZeroDuration(),
               kDay);
  faults.Range("stop-grace-ms", stop_grace, absl::ZeroDuration(), absl::Hours(1));
  faults.Range("max-job-execution-time-ms", max_job_execution_time, absl::ZeroDuration(),
               365 * kDay);
  faults.Names("task-identifiers", task_identifiers);
  faults.Names("forbidden-flags", forbidden_flags);
  faults.Range("lease-ttl-ms", lease_ttl, absl::Seconds(1), kDay);
  faults.Range("heartbeat-interval-ms", heartbeat_interval, absl::Milliseconds(100), kDay);
  faults.AddIf(heartbeat_interval > lease_ttl / 3,
               "heartbeat-interval-ms: must be at most a third of lease-ttl-ms");
  faults.Add(retry.Validate());
  faults.Range("max-interruptions", max_interruptions, 0, 1'000'000);
  return faults.status();
}

}  // namespace millrace
