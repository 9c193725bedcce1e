#include "server/rpc/fleet_questions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// Whoever asked removes his requests; this is for those that ended before.
constexpr absl::Duration kKeepFor = absl::Minutes(10);

std::string SecondsText(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1)));
}

template <typename Value>
std::vector<int64_t> IdsOf(const std::map<int64_t, Value>& requests) {
  std::vector<int64_t> ids;
  for (const auto& [id, value] : requests) ids.push_back(id);
  return ids;
}

}  // namespace

FleetQuestions::FleetQuestions(FleetStore& store, WorkerIdentity identity, Clock& clock,
                               absl::Duration take_patience, std::function<void()> on_asked)
    : store_(store),
      identity_(std::move(identity)),
      clock_(clock),
      take_patience_(take_patience),
      on_asked_(std::move(on_asked)) {}

bool FleetQuestions::CanBeAsked(const ListedPool& pool, Reply& reply) const {
  reply.worker_id = pool.report.worker_id;
  reply.pool_name = pool.report.pool_name;
  if (pool.report.worker_id == identity_.worker_id) return false;
  if (!pool.seen_ago.has_value()) {
    reply.answer = absl::UnimplementedError(
        absl::StrCat("its server, of version ", pool.report.version, ", cannot be asked"));
    return false;
  }
  if (pool.report.state == PoolState::kLost) {
    reply.answer = absl::UnavailableError(
        absl::StrCat("its server was last heard of ", SecondsText(*pool.seen_ago), " ago"));
    return false;
  }
  return true;
}

absl::StatusOr<FleetQuestions::Asked> FleetQuestions::Ask(const std::string& worker_id,
                                                          const std::string& method,
                                                          const std::string& payload,
                                                          absl::Duration patience) {
  Asked asked;
  asked.until = clock_.Monotonic() + patience;
  const absl::StatusOr<std::vector<ListedPool>> pools = store_.ListPools();
  if (!pools.ok()) return pools.status();
  std::map<std::string, size_t> places;
  for (const ListedPool& pool : *pools) {
    if (!worker_id.empty() && pool.report.worker_id != worker_id) continue;
    const size_t place = asked.replies.size();
    if (CanBeAsked(pool, asked.replies.emplace_back())) places[pool.report.worker_id] = place;
    if (pool.report.worker_id == identity_.worker_id) asked.own = place;
  }
  if (!worker_id.empty() && asked.replies.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no pool with the worker id ", worker_id));
  }
  if (worker_id.empty() && !asked.own.has_value()) {
    // It has not reported yet.
    asked.own = asked.replies.size();
    asked.replies.push_back({identity_.worker_id, identity_.pool_name});
  }
  if (places.empty()) return asked;
  std::vector<std::string> worker_ids;
  for (const auto& [id, place] : places) worker_ids.push_back(id);
  const FleetQuestion question{.asked_by = identity_.worker_id,
                               .method = method,
                               .payload = payload,
                               .take_within = std::min(take_patience_, patience),
                               .keep_for = patience + kKeepFor};
  const absl::StatusOr<FleetAsked> written = store_.Ask(worker_ids, question);
  if (!written.ok()) return written.status();
  asked.in_doubt = written->in_doubt;
  asked.take_until = clock_.Monotonic() + question.take_within;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, whom] : written->requests) {
      asked.open[id] = places.at(whom);
      waiting_.try_emplace(id);
    }
  }
  on_asked_();
  return asked;
}

bool FleetQuestions::has_open() {
  MutexLock lock(mutex_);
  return !waiting_.empty();
}

absl::Status FleetQuestions::ReadAnswers() {
  std::vector<int64_t> ids;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, waiting] : waiting_) {
      if (!waiting.reply.has_value()) ids.push_back(id);
    }
  }
  return ids.empty() ? absl::OkStatus() : ReadAnswersOf(ids);
}

absl::Status FleetQuestions::ReadAnswersOf(const std::vector<int64_t>& ids) {
  const absl::Duration now = clock_.Monotonic();
  absl::StatusOr<std::vector<FleetAnswer>> answers = store_.ReadAnswers(ids);
  MutexLock lock(mutex_);
  for (const int64_t id : ids) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) continue;
    if (answers.ok()) {
      found->second.looked_at = now;
    } else {
      found->second.silent_since.reset();
    }
  }
  if (!answers.ok()) return answers.status();
  for (FleetAnswer& answer : *answers) NoteAnswer(std::move(answer));
  changed_.NotifyAll();
  return absl::OkStatus();
}

void FleetQuestions::NoteAnswer(FleetAnswer answer) {
  const auto found = waiting_.find(answer.id);
  // What another thread has read meanwhile may be newer.
  if (found == waiting_.end() || found->second.reply.has_value()) return;
  Waiting& waiting = found->second;
  waiting.taken = waiting.taken || answer.taken;
  waiting.reply = std::move(answer.reply);
  if (!answer.lost) {
    waiting.silent_since.reset();
  } else if (!waiting.silent_since.has_value()) {
    waiting.silent_since = waiting.looked_at;
  }
}

bool FleetQuestions::IsLost(const Waiting& waiting) const {
  return waiting.silent_since.has_value() &&
         waiting.looked_at - *waiting.silent_since >= take_patience_;
}

void FleetQuestions::EndWaits() {
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

bool FleetQuestions::WaitUntilSettled(const Asked& asked, absl::Duration until) {
  MutexLock lock(mutex_);
  return clock_.WaitUntil(mutex_, changed_, until, [&] {
    mutex_.AssertHeld();
    return ended_ || std::all_of(asked.open.begin(), asked.open.end(), [&](const auto& request) {
             mutex_.AssertHeld();
             const Waiting& waiting = waiting_.at(request.first);
             // Who has not taken it by then does not take it any more, nor one that shows later.
             const bool refused = !waiting.taken && waiting.looked_at >= asked.take_until;
             return waiting.reply.has_value() || IsLost(waiting) || refused;
           });
  });
}

std::vector<FleetQuestions::Reply> FleetQuestions::Await(Asked asked) {
  if (asked.open.empty()) return std::move(asked.replies);
  const std::vector<int64_t> ids = IdsOf(asked.open);
  if (!WaitUntilSettled(asked, std::min(asked.until, asked.take_until))) {
    // The fleet's thread may be held up: nothing is given up without a look. If the database does
    // not answer now, that thread goes on asking.
    ReadAnswersOf(ids).IgnoreError();
    WaitUntilSettled(asked, asked.until);
  }
  const absl::StatusOr<std::map<int64_t, bool>> withdrawn = store_.Withdraw(ids);
  MutexLock lock(mutex_);
  for (const auto& [id, place] : asked.open) {
    Waiting waiting = std::move(waiting_.extract(id).mapped());
    const bool was_there = withdrawn.ok() && withdrawn->contains(id);
    if (was_there) waiting.taken = withdrawn->at(id);
    const bool is_gone = was_there || (withdrawn.ok() && !asked.in_doubt);
    const bool in_doubt = !is_gone && waiting.looked_at < asked.take_until;
    asked.replies[place].answer =
        waiting.reply.has_value() ? *std::move(waiting.reply)
                                  : absl::StatusOr<std::string>(WhyUnanswered(waiting, in_doubt));
  }
  return std::move(asked.replies);
}

absl::Status FleetQuestions::WhyUnanswered(const Waiting& waiting, bool in_doubt) const {
  if (waiting.taken && IsLost(waiting)) {
    return absl::UnavailableError("its server was lost while it carried the request out");
  }
  if (waiting.taken) {
    return absl::DeadlineExceededError(
        "its server has taken the request and has not answered in time; it may still carry it out");
  }
  if (in_doubt) {
    return absl::UnavailableError(
        "the database does not say whether its server has the request, which may still carry it "
        "out");
  }
  return absl::UnavailableError(
      "its server has not taken the request in time, and does not carry it out any more");
}

}  // namespace millrace
