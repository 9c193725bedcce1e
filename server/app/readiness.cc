#include "server/app/readiness.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {

Readiness::Readiness(Sources sources, Clock& clock, Options options)
    : sources_(std::move(sources)), clock_(clock), options_(options) {}

Readiness::~Readiness() {
  RequestStop();
  Join();
}

absl::Status Readiness::Start() {
  {
    MutexLock lock(mutex_);
    if (stop_requested_) return absl::FailedPreconditionError("was stopped");
  }
  Look();
  thread_ = StartNamedThread("readiness", [this] { Run(); });
  return absl::OkStatus();
}

void Readiness::RequestStop() {
  MutexLock lock(mutex_);
  stop_requested_ = true;
  changed_.NotifyAll();
}

void Readiness::Join() {
  if (thread_.joinable()) thread_.join();
}

void Readiness::SetStopping() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  Publish();
}

void Readiness::Run() {
  while (true) {
    const bool ready = !Fault().has_value();
    {
      MutexLock lock(mutex_);
      const absl::Duration until_ping = next_ping_ - clock_.Monotonic();
      const absl::Duration wait =
          ready ? until_ping : std::min(until_ping, options_.unready_interval);
      const bool stop = clock_.WaitFor(mutex_, changed_, wait, [this] {
        mutex_.AssertHeld();
        return stop_requested_;
      });
      if (stop) return;
    }
    Look();
  }
}

void Readiness::Look() {
  bool ask = false;
  {
    MutexLock lock(mutex_);
    ask = clock_.Monotonic() >= next_ping_;
  }
  if (ask) {
    absl::Status answer = sources_.ping();
    MutexLock lock(mutex_);
    last_ping_ = std::move(answer);
    last_ping_at_ = clock_.Monotonic();
    next_ping_ = *last_ping_at_ + options_.interval;
  }
  Publish();
}

void Readiness::Publish() {
  // Both values are worked out under the lock, so that the last one told is the newest.
  MutexLock lock(publish_mutex_);
  const std::optional<std::string> fault = Fault();
  const PoolStats stats = sources_.pool_stats();
  const bool ready = !fault.has_value();
  const bool serves = ready && stats.running && !stats.stopping;
  if (told_ready_ == ready && told_serves_ == serves) return;
  if (told_ready_ != ready) {
    if (ready) spdlog::info("ready");
    if (!ready) spdlog::log(LevelOfUnready(), "not ready: {}", *fault);
  }
  told_ready_ = ready;
  told_serves_ = serves;
  sources_.on_change(ready, serves);
}

spdlog::level::level_enum Readiness::LevelOfUnready() const {
  MutexLock lock(mutex_);
  const bool expected = stopping_ || !told_ready_.has_value();
  return expected ? spdlog::level::info : spdlog::level::warn;
}

std::optional<std::string> Readiness::Fault() const {
  const PoolStats stats = sources_.pool_stats();
  MutexLock lock(mutex_);
  if (stopping_) return "the server is stopping";
  if (std::optional<std::string> fault = DatabaseFault()) return fault;
  return PoolFault(stats);
}

std::optional<std::string> Readiness::DatabaseFault() const {
  if (!last_ping_at_.has_value()) return "the database was not asked yet";
  if (!last_ping_.ok()) {
    return absl::StrCat("the database cannot be used: ", std::string(last_ping_.message()));
  }
  const absl::Duration age = clock_.Monotonic() - *last_ping_at_;
  if (age <= options_.database_patience) return std::nullopt;
  return absl::StrCat("the database has not answered for ",
                      absl::FormatDuration(absl::Trunc(age, absl::Seconds(1))));
}

std::optional<std::string> Readiness::PoolFault(const PoolStats& stats) const {
  if (!stats.running || stats.stopping) return std::nullopt;
  if (!stats.last_claim_tick.has_value()) return "the pool has not claimed jobs yet";
  const absl::Duration age = clock_.Now() - *stats.last_claim_tick;
  if (age <= options_.claim_patience) return std::nullopt;
  return absl::StrCat("the pool has not got through to claim jobs for ",
                      absl::FormatDuration(absl::Trunc(age, absl::Seconds(1))),
                      "; the log says why");
}

}  // namespace millrace
