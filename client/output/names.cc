#include "client/output/names.h"

#include <array>

namespace millrace::cli {
namespace {

// All in the order of their enums.
constexpr std::array<std::string_view, 7> kStates = {
    "ready", "scheduled", "queued_behind", "held", "exhausted", "completed", "cancelled"};
static_assert(kStates.size() == static_cast<size_t>(JobState::kCancelled) + 1);

constexpr std::array<std::string_view, 7> kOutcomes = {
    "completed", "failed", "partial_success", "snoozed", "cancelled", "interrupted", "lost"};
static_assert(kOutcomes.size() == static_cast<size_t>(AttemptOutcome::kLost) + 1);

constexpr std::array<std::string_view, 3> kResults = {"created", "updated", "existing"};
static_assert(kResults.size() == static_cast<size_t>(AddResult::kExisting) + 1);

constexpr std::array<std::string_view, 5> kEndResults = {"cancelled", "requested", "ended_before",
                                                         "not_found", "being_cancelled"};
static_assert(kEndResults.size() == static_cast<size_t>(EndResult::kBeingCancelled) + 1);

constexpr std::array<std::string_view, 3> kModes = {"replace", "preserve_run_at", "unsafe_dedupe"};
static_assert(kModes.size() == static_cast<size_t>(JobKeyMode::kUnsafeDedupe) + 1);

template <typename Enum, size_t Size>
std::optional<Enum> Parse(const std::array<std::string_view, Size>& names, std::string_view name) {
  for (size_t i = 0; i < Size; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view Name(JobState state) { return kStates[static_cast<size_t>(state)]; }
std::string_view Name(AttemptOutcome outcome) { return kOutcomes[static_cast<size_t>(outcome)]; }
std::string_view Name(AddResult result) { return kResults[static_cast<size_t>(result)]; }
std::string_view Name(JobEnding ending, EndResult result) {
  if (ending == JobEnding::kFail && result == EndResult::kEnded) return "failed";
  return kEndResults[static_cast<size_t>(result)];
}
std::string_view Name(JobKeyMode mode) { return kModes[static_cast<size_t>(mode)]; }

std::optional<JobState> ParseJobState(std::string_view name) {
  return Parse<JobState>(kStates, name);
}

std::optional<JobKeyMode> ParseJobKeyMode(std::string_view name) {
  return Parse<JobKeyMode>(kModes, name);
}

std::vector<std::string> JobStateNames() { return {kStates.begin(), kStates.end()}; }
std::vector<std::string> JobKeyModeNames() { return {kModes.begin(), kModes.end()}; }

Style StyleOf(JobState state) {
  switch (state) {
    case JobState::kCompleted:
      return Style::kGood;
    case JobState::kExhausted:
      return Style::kBad;
    case JobState::kCancelled:
      return Style::kWarning;
    case JobState::kScheduled:
    case JobState::kQueuedBehind:
      return Style::kFaint;
    case JobState::kReady:
    case JobState::kHeld:
      return Style::kPlain;
  }
  return Style::kPlain;
}

Style StyleOf(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kCompleted:
      return Style::kGood;
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost:
      return Style::kBad;
    case AttemptOutcome::kPartialSuccess:
    case AttemptOutcome::kCancelled:
    case AttemptOutcome::kInterrupted:
      return Style::kWarning;
    case AttemptOutcome::kSnoozed:
      return Style::kFaint;
  }
  return Style::kPlain;
}

Style StyleOfEvent(std::string_view type) {
  if (type == "job/completed") return Style::kGood;
  if (type == "pool/start" || type == "pool/stop") return Style::kHeading;
  if (type == "job/failed" || type == "job/exhausted" || type == "job/timeout" ||
      type == "worker/error" || type == "worker/stuck") {
    return Style::kBad;
  }
  return type == "job/snoozed" || type == "job/progress" ? Style::kFaint : Style::kWarning;
}

}  // namespace millrace::cli
