#include "server/rpc/fleet.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

// So many calls that stop the pool may be carried out for others at a time, as for callers.
constexpr int kStopThreads = 4;
constexpr absl::Duration kCleaningInterval = absl::Minutes(1);
// Whoever asked removes his requests; this is for those that ended before.
constexpr absl::Duration kKeepFor = absl::Minutes(10);

std::string SecondsText(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1)));
}

bool SameState(const PoolReport& a, const PoolReport& b) {
  return a.state == b.state && a.concurrency == b.concurrency;
}

}  // namespace

Fleet::Fleet(FleetStore& store, PoolCommands& commands, WorkerIdentity identity, Clock& clock,
             Options options)
    : store_(store),
      commands_(commands),
      identity_(std::move(identity)),
      clock_(clock),
      options_(options) {}

Fleet::~Fleet() {
  RequestStop();
  Join();
}

absl::Status Fleet::Start() {
  {
    MutexLock lock(mutex_);
    if (stop_) return absl::FailedPreconditionError("stopped before it was started");
  }
  threads_.push_back(StartNamedThread("fleet", [this] { Run(); }));
  for (int i = 0; i < kStopThreads; ++i) {
    threads_.push_back(StartNamedThread("fleet-stop", [this] { RunStops(); }));
  }
  return absl::OkStatus();
}

void Fleet::RequestStop() {
  MutexLock lock(mutex_);
  stop_ = true;
  changed_.NotifyAll();
}

void Fleet::Join() {
  if (threads_.empty()) return;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (database_answers_) store_.Leave(identity_.worker_id).IgnoreError();
}

void Fleet::Wake() {
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.NotifyAll();
}

void Fleet::Run() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (stop_) return;
      woken_ = false;
    }
    const absl::Status done = GoRound();
    database_answers_ = done.ok();
    if (!done.ok() && !std::exchange(warned_, true)) {
      spdlog::warn("fleet: this server cannot be reached through the others: {}",
                   std::string(done.message()));
    }
    if (done.ok()) warned_ = false;
    WaitForMore(done);
  }
}

absl::Status Fleet::GoRound() {
  if (absl::Status reported = ReportIfDue(); !reported.ok()) return reported;
  if (absl::Status taken = TakeRequests(); !taken.ok()) return taken;
  if (absl::Status read = ReadAnswers(); !read.ok()) return read;
  if (clock_.Monotonic() < next_cleaning_) return absl::OkStatus();
  next_cleaning_ = clock_.Monotonic() + kCleaningInterval;
  return store_.RemoveLeftovers();
}

absl::Status Fleet::ReportIfDue() {
  const PoolStats stats = commands_.stats();
  PoolReport report;
  report.worker_id = identity_.worker_id;
  report.pool_name = identity_.pool_name;
  report.host = identity_.host;
  report.pid = identity_.pid;
  report.version = identity_.version;
  report.patience = options_.patience;
  if (stats.running) report.state = stats.stopping ? PoolState::kStopping : PoolState::kRunning;
  report.concurrency = stats.concurrency;
  report.active = stats.active;
  report.buffered = stats.buffered;
  const absl::Duration now = clock_.Monotonic();
  if (now < next_report_ && SameState(report, reported_)) return absl::OkStatus();
  if (absl::Status said = store_.Report(report); !said.ok()) return said;
  reported_ = std::move(report);
  next_report_ = now + options_.report_interval;
  return absl::OkStatus();
}

absl::Status Fleet::TakeRequests() {
  absl::StatusOr<std::vector<FleetRequest>> requests = store_.TakeRequests(identity_.worker_id);
  if (!requests.ok()) return requests.status();
  for (FleetRequest& request : *requests) {
    if (request.method != "Stop") {
      CarryOut(request);
      continue;
    }
    MutexLock lock(mutex_);
    stops_.push_back(std::move(request));
    changed_.NotifyAll();
  }
  // What was changed shows at once.
  return requests->empty() ? absl::OkStatus() : ReportIfDue();
}

void Fleet::RunStops() {
  while (true) {
    FleetRequest request;
    {
      MutexLock lock(mutex_);
      while (!stop_ && stops_.empty()) changed_.Wait(mutex_);
      if (stops_.empty()) return;
      request = std::move(stops_.front());
      stops_.pop_front();
    }
    CarryOut(request);
    Wake();
  }
}

void Fleet::CarryOut(const FleetRequest& request) {
  if (request.method != "Stats") {
    spdlog::info("fleet: {}, asked for through {}", request.method, request.asked_by);
  }
  absl::StatusOr<std::string> reply = absl::InternalError("unexpected exception");
  try {
    reply = commands_.Run(request.method, request.payload);
  } catch (const std::exception& error) {
    reply = absl::InternalError(absl::StrCat("unexpected exception: ", error.what()));
  } catch (...) {
  }
  const absl::Status told = store_.Answer(request.id, reply);
  if (!told.ok()) {
    spdlog::warn("fleet: {} was carried out, and its answer is lost: {}", request.method,
                 std::string(told.message()));
  }
}

absl::Status Fleet::ReadAnswers() {
  std::vector<int64_t> ids;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, waiting] : waiting_) {
      if (!waiting.reply.has_value()) ids.push_back(id);
    }
  }
  if (ids.empty()) return absl::OkStatus();
  absl::StatusOr<std::vector<FleetAnswer>> answers = store_.ReadAnswers(ids);
  if (!answers.ok()) return answers.status();
  MutexLock lock(mutex_);
  for (FleetAnswer& answer : *answers) {
    const auto found = waiting_.find(answer.id);
    if (found == waiting_.end()) continue;
    found->second = {answer.taken, answer.lost, std::move(answer.reply)};
  }
  changed_.NotifyAll();
  return absl::OkStatus();
}

void Fleet::WaitForMore(const absl::Status& last) {
  MutexLock lock(mutex_);
  const bool asked = last.ok() && !waiting_.empty();
  const absl::Duration wait = asked ? options_.answer_poll_interval : options_.poll_interval;
  clock_.WaitFor(mutex_, changed_, wait, [this] {
    mutex_.AssertHeld();
    return stop_ || woken_;
  });
}

bool Fleet::CanBeAsked(const ListedPool& pool, Reply& reply) const {
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

absl::StatusOr<Fleet::Asked> Fleet::Ask(const std::string& worker_id, const std::string& method,
                                        const std::string& payload, absl::Duration patience) {
  const absl::StatusOr<std::vector<ListedPool>> pools = store_.ListPools();
  if (!pools.ok()) return pools.status();
  Asked asked;
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
  asked.asked_at = clock_.Monotonic();
  asked.until = asked.asked_at + patience;
  if (places.empty()) return asked;
  std::vector<std::string> worker_ids;
  for (const auto& [id, place] : places) worker_ids.push_back(id);
  const absl::StatusOr<std::map<int64_t, std::string>> requests =
      store_.Ask(worker_ids, {.asked_by = identity_.worker_id,
                              .method = method,
                              .payload = payload,
                              .take_within = std::min(options_.take_patience, patience),
                              .keep_for = std::min(patience, absl::Hours(48)) + kKeepFor});
  if (!requests.ok()) return requests.status();
  MutexLock lock(mutex_);
  for (const auto& [id, whom] : *requests) {
    asked.open[id] = places.at(whom);
    waiting_.try_emplace(id);
  }
  woken_ = true;
  changed_.NotifyAll();
  return asked;
}

void Fleet::WaitUntilSettled(const std::map<int64_t, size_t>& open, absl::Duration until,
                             bool (*settled)(const Waiting&)) {
  MutexLock lock(mutex_);
  clock_.WaitUntil(mutex_, changed_, until, [&] {
    mutex_.AssertHeld();
    return stop_ || std::all_of(open.begin(), open.end(), [&](const auto& request) {
             mutex_.AssertHeld();
             const Waiting& waiting = waiting_.at(request.first);
             return waiting.reply.has_value() || waiting.lost || settled(waiting);
           });
  });
}

std::vector<Fleet::Reply> Fleet::Await(Asked asked) {
  if (asked.open.empty()) return std::move(asked.replies);
  WaitUntilSettled(asked.open, std::min(asked.until, asked.asked_at + options_.take_patience),
                   [](const Waiting& waiting) { return waiting.taken; });
  // Who has not taken it by now does not take it any more.
  WaitUntilSettled(asked.open, asked.until, [](const Waiting& waiting) { return !waiting.taken; });
  std::vector<int64_t> ids;
  for (const auto& [id, place] : asked.open) ids.push_back(id);
  const absl::StatusOr<std::vector<int64_t>> taken = store_.Withdraw(ids);
  MutexLock lock(mutex_);
  for (const auto& [id, place] : asked.open) {
    Waiting waiting = std::move(waiting_.extract(id).mapped());
    // Where the database does not say, it may have been taken.
    waiting.taken = !taken.ok() || std::find(taken->begin(), taken->end(), id) != taken->end();
    asked.replies[place].answer = waiting.reply.has_value()
                                      ? *std::move(waiting.reply)
                                      : absl::StatusOr<std::string>(WhyUnanswered(waiting));
  }
  return std::move(asked.replies);
}

absl::Status Fleet::WhyUnanswered(const Waiting& waiting) const {
  if (!waiting.taken) {
    return absl::UnavailableError(
        "its server has not taken the request in time, and does not carry it out any more");
  }
  if (waiting.lost) {
    return absl::UnavailableError("its server was lost while it carried the request out");
  }
  return absl::DeadlineExceededError(
      "its server has taken the request and has not answered in time; it may still carry it out");
}

}  // namespace millrace
