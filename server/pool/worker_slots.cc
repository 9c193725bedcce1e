#include "server/pool/worker_slots.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/base/logging.h"

namespace millrace {

WorkerSlots::WorkerSlots(int workers, absl::Duration grace, Clock& clock, StopNotifier& notifier,
                         EventEmitter& events)
    : grace_(grace), clock_(clock), notifier_(notifier), events_(events) {
  GrowTo(workers);
}

void WorkerSlots::GrowTo(int workers) {
  for (int i = count_; i < workers; ++i) {
    slots_[i] = std::make_unique<WorkerSlot>(clock_, notifier_);
    // Seen by the others only now.
    count_ = i + 1;
  }
}

int WorkerSlots::RequestStopOfAll(StopReason reason) {
  int running = 0;
  for (const auto& slot : All()) running += slot->RequestStop(reason) ? 1 : 0;
  return running;
}

void WorkerSlots::RequestStopOf(const Hold& hold, StopReason reason) {
  for (const auto& slot : All()) {
    if (slot->RequestStopOf(hold, reason)) return;
  }
}

absl::Duration WorkerSlots::CheckTimes(absl::Duration now) {
  EmitAndStopOverdue(now);
  ReportStuck(now);
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& slot : All()) next = std::min(next, slot->NextLook(grace_));
  return next;
}

void WorkerSlots::EmitAndStopOverdue(absl::Duration now) {
  std::vector<std::pair<WorkerSlot*, uint64_t>> overdue;
  std::vector<Event> events;
  for (const auto& slot : All()) {
    std::optional<WorkerSlot::View> view = slot->OverDeadline(now);
    if (!view.has_value()) continue;
    overdue.emplace_back(slot.get(), view->serial);
    Event event;
    event.type = EventType::kJobTimeout;
    event.data = std::move(view->job);
    events.push_back(std::move(event));
  }
  // The event first, so that it stands before the one of the outcome.
  events_.Emit(std::move(events));
  for (const auto& [slot, serial] : overdue) slot->RequestStopOf(serial, StopReason::kTimeout);
}

void WorkerSlots::ReportStuck(absl::Duration now) {
  std::vector<Event> events;
  for (const auto& slot : All()) {
    std::optional<WorkerSlot::View> view = slot->TakeStuck(now, grace_);
    if (!view.has_value()) continue;
    view->job.error = "the handler has not ended since it was asked to stop";
    spdlog::error("pool: job {} ({}): {}", view->job.job_id, view->job.task_identifier,
                  view->job.error);
    Event event;
    event.type = EventType::kWorkerStuck;
    event.data = std::move(view->job);
    events.push_back(std::move(event));
  }
  events_.Emit(std::move(events));
}

int WorkerSlots::CountStuck() const {
  const auto all = All();
  return static_cast<int>(
      std::count_if(all.begin(), all.end(), [](const auto& slot) { return slot->stuck(); }));
}

std::vector<JobEventData> WorkerSlots::ListRunning() const {
  std::vector<JobEventData> running;
  const absl::Duration now = clock_.Monotonic();
  for (const auto& slot : All()) {
    if (std::optional<WorkerSlot::View> view = slot->Look(now); view.has_value()) {
      running.push_back(std::move(view->job));
    }
  }
  return running;
}

}  // namespace millrace
