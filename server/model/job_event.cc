#include "server/model/job_event.h"

#include <array>
#include <utility>

namespace millrace {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, 15> kNames = {
    "pool/start",          "pool/stop",   "job/completed",     "job/failed",      "job/exhausted",
    "job/partial-success", "job/snoozed", "job/cancelled",     "job/interrupted", "job/timeout",
    "job/progress",        "job/rescued", "job/stale-outcome", "worker/error",    "worker/stuck",
};
static_assert(kNames.size() == static_cast<size_t>(EventType::kWorkerStuck) + 1);

}  // namespace

std::string_view EventTypeName(EventType type) { return kNames[static_cast<size_t>(type)]; }

std::optional<EventType> ParseEventType(std::string_view name) {
  for (const EventType type : AllEventTypes()) {
    if (EventTypeName(type) == name) return type;
  }
  return std::nullopt;
}

const std::vector<EventType>& AllEventTypes() {
  static const std::vector<EventType> kAll = [] {
    std::vector<EventType> all;
    for (size_t i = 0; i < kNames.size(); ++i) all.push_back(static_cast<EventType>(i));
    return all;
  }();
  return kAll;
}

}  // namespace millrace
