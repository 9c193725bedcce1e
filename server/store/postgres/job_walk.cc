#include "server/store/postgres/job_walk.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <string>

#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

constexpr size_t kStates = 7;
// In the order of JobState.
constexpr std::array<const char*, kStates> kWalks = {
    "WalkReady",     "WalkScheduled", "WalkFollowers", "WalkHeld",
    "WalkExhausted", "WalkCompleted", "WalkCancelled"};

// The statements that together find all jobs in the states of the filter.
std::vector<std::string> WalksFor(const JobFilter& filter) {
  std::array<bool, kStates> wanted = {};
  for (const JobState state : filter.states) wanted.at(static_cast<size_t>(state)) = true;
  const auto count = std::count(wanted.begin(), wanted.end(), true);
  if (count == 0 || count == static_cast<std::ptrdiff_t>(kStates)) return {"WalkAll"};
  std::vector<std::string> walks;
  for (size_t state = 0; state < kStates; ++state) {
    if (wanted[state]) walks.emplace_back(kWalks[state]);
  }
  return walks;
}

// The names of a filter as the database knows them: texts of arrays.
struct NameNumbers {
  std::string lanes = "{}";
  std::string queues = "{}";
  // Nobody has used one of the tasks yet, or one of the queues: no job matches.
  bool none = false;
};

NameNumbers Resolve(PostgresConnection& connection, pqxx::transaction_base& transaction,
                    const JobFilter& filter) {
  NameNumbers numbers;
  if (filter.task_identifiers.empty() && filter.queue_names.empty()) return numbers;
  const pqxx::row row =
      connection.Execute(transaction, "ResolveNames", TextArray(filter.task_identifiers),
                         TextArray(filter.queue_names))[0];
  numbers.lanes = row[0].c_str();
  numbers.queues = row[1].c_str();
  numbers.none = (!filter.task_identifiers.empty() && numbers.lanes == "{}") ||
                 (!filter.queue_names.empty() && numbers.queues == "{}");
  return numbers;
}

// What several walks have found, and how far all of them have come.
class Findings {
 public:
  Findings(JobId before, size_t limit) : before_(before), limit_(limit) {}

  // A row of a walk: jobs with ids from `first`, or, if it has none, the end of the walk.
  void Add(JobId first, int jobs) {
    if (jobs == 0) walked_to_ = std::max(walked_to_, first);
    for (JobId id = first; id < first + jobs && id < before_; ++id) ids_.push_back(id);
  }

  IdPage Take() {
    std::sort(ids_.begin(), ids_.end(), std::greater<>());
    ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
    // Below that, not every walk has looked.
    while (!ids_.empty() && ids_.back() < walked_to_) ids_.pop_back();
    IdPage page;
    if (ids_.size() > limit_) {
      ids_.resize(limit_);
      page.next_before = ids_.back();
    } else if (walked_to_ > 0) {
      page.next_before = walked_to_;
    }
    page.ids = std::move(ids_);
    return page;
  }

 private:
  const JobId before_;
  const size_t limit_;
  std::vector<JobId> ids_;
  JobId walked_to_ = 0;
};

}  // namespace

IdPage WalkJobs(PostgresConnection& connection, pqxx::transaction_base& transaction,
                const JobFilter& filter, std::optional<JobId> before, int limit) {
  const NameNumbers numbers = Resolve(connection, transaction, filter);
  if (numbers.none) return {};
  const JobId below = before.value_or(std::numeric_limits<JobId>::max());
  Findings findings(below, limit);
  for (const std::string& walk : WalksFor(filter)) {
    // One more than fit, to know whether there are more.
    for (const auto& row :
         connection.Execute(transaction, walk, below, limit + 1, filter.task_identifiers.empty(),
                            numbers.lanes, filter.queue_names.empty(), numbers.queues)) {
      findings.Add(row[0].as<JobId>(), row[1].as<int>());
    }
  }
  return findings.Take();
}

}  // namespace millrace
