#include "server/pool/error_reporter.h"

#include <utility>
#include <vector>

#include "server/base/logging.h"

namespace millrace {

void ErrorReporter::Report(const std::string& operation, const absl::Status& status) {
  PoolCounts counts;
  counts.errors = 1;
  counters_.Add(counts);
  const std::string error = status.ToString();
  spdlog::warn("pool: {}: {}", operation, error);
  Event event;
  event.type = EventType::kWorkerError;
  event.data = WorkerErrorData{operation, error};
  std::vector<Event> events;
  events.push_back(std::move(event));
  events_.Emit(std::move(events));
}

}  // namespace millrace
