#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/model/job.h"
#include "server/model/job_progress.h"
#include "server/model/partial_success.h"

namespace millrace {

enum class EventType {
  kPoolStart,
  kPoolStop,
  kJobCompleted,
  kJobFailed,
  kJobExhausted,
  kJobPartialSuccess,
  kJobSnoozed,
  kJobCancelled,
  kJobInterrupted,
  kJobTimeout,
  kJobProgress,
  kJobRescued,
  kJobStaleOutcome,
  kWorkerError,
  kWorkerStuck,
};

// Such as "job/completed".
std::string_view EventTypeName(EventType type);
// Nothing if there is no type of that name.
std::optional<EventType> ParseEventType(std::string_view name);
// Every type, in the order of the enum.
const std::vector<EventType>& AllEventTypes();

struct PoolEventData {
  // pool/start.
  int concurrency = 0;
  // pool/stop: some handler had to be asked to stop.
  bool forced = false;
};

struct JobEventData {
  JobId job_id = 0;
  std::string task_identifier;
  int attempt = 0;
  int max_attempts = 0;
  absl::Duration duration;
  absl::Duration queue_time;
  std::string error;
  std::optional<absl::Time> next_run_at;
  // Shared, since an event is copied to each subscriber and never changed.
  std::shared_ptr<const PartialSuccess> partial_success;
  std::string queue_name;
  // Shared for the same reason.
  std::shared_ptr<const JobProgress> progress;
  std::vector<std::string> flags;

  bool operator==(const JobEventData&) const = default;
};

struct WorkerErrorData {
  // What the server was doing, such as "claim".
  std::string operation;
  std::string error;
};

// One event of the feed. A plain value. The emitter fills sequence and emitted_at. The worker id is
// that of the emitter: one server process has one.
struct Event {
  uint64_t sequence = 0;
  EventType type = EventType::kPoolStart;
  absl::Time emitted_at;
  std::variant<PoolEventData, JobEventData, WorkerErrorData> data;
};

}  // namespace millrace
