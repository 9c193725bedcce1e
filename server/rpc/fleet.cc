#include "server/rpc/fleet.h"

#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

constexpr absl::Duration kCleaningInterval = absl::Minutes(1);

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
      options_(options),
      questions_(store, identity_, clock, options.take_patience, [this] { Wake(); }),
      work_(store, commands, [this] { Wake(); }) {}

Fleet::~Fleet() {
  RequestStop();
  Join();
}

absl::Status Fleet::Start() {
  {
    MutexLock lock(mutex_);
    if (stop_) return absl::FailedPreconditionError("stopped before it was started");
  }
  if (absl::Status started = work_.Start(); !started.ok()) return started;
  thread_ = StartNamedThread("fleet", [this] { Run(); });
  return absl::OkStatus();
}

void Fleet::RequestStop() {
  questions_.EndWaits();
  work_.RequestStop();
  MutexLock lock(mutex_);
  stop_ = true;
  changed_.NotifyAll();
}

void Fleet::Join() {
  if (!thread_.joinable()) return;
  thread_.join();
  work_.Join();
  if (!database_answers_) return;
  work_.SendAnswers().IgnoreError();
  store_.Leave(identity_.worker_id).IgnoreError();
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
  if (absl::Status taken = work_.TakeRequests(); !taken.ok()) return taken;
  if (absl::Status sent = work_.SendAnswers(); !sent.ok()) return sent;
  if (absl::Status read = questions_.ReadAnswers(); !read.ok()) return read;
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

void Fleet::WaitForMore(const absl::Status& last) {
  const bool asked = last.ok() && questions_.has_open();
  const absl::Duration wait = asked ? options_.answer_poll_interval : options_.poll_interval;
  MutexLock lock(mutex_);
  clock_.WaitFor(mutex_, changed_, wait, [this] {
    mutex_.AssertHeld();
    return stop_ || woken_;
  });
}

}  // namespace millrace
