#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/store/fleet_store.h"
#include "server/store/saved_pool_store.h"

namespace millrace {

// The registry of pools and the requests between their servers, in memory. A test puts pools that
// never answer beside those that report. Its time is that of the clock. Thread-safe.
class FakeFleetStore final : public FleetStore, public SavedPoolStore {
 public:
  explicit FakeFleetStore(Clock& clock) : clock_(clock) {}

  // A pool that says nothing more.
  void AddPool(const ListedPool& pool) {
    MutexLock lock(mutex_);
    pools_[pool.report.worker_id] = pool;
  }
  // From now on every call fails so; Ok mends it.
  void Fail(const absl::Status& status) {
    MutexLock lock(mutex_);
    fault_ = status;
  }
  // The next so many calls that take requests take them, and say that they failed.
  void LoseTakes(int calls) {
    MutexLock lock(mutex_);
    lost_takes_ = calls;
  }
  // The next so many answers are not written.
  void LoseAnswers(int calls, const absl::Status& status = ReplyLost()) {
    MutexLock lock(mutex_);
    lost_answers_ = calls;
    answer_fault_ = status;
  }
  // It is not heard of, whatever it reports.
  void SetSilent(const std::string& worker_id, bool silent) {
    MutexLock lock(mutex_);
    if (silent) silent_.insert(worker_id);
    if (!silent) silent_.erase(worker_id);
  }
  // Nobody knows of the next questions whether they were asked: they were, or not.
  void DoubtAsks(bool asked) {
    MutexLock lock(mutex_);
    doubt_asks_ = asked;
  }
  // Called, without a lock, when somebody has asked or answered. Set it before it is needed.
  void OnNotify(std::function<void()> on_notify) { on_notify_ = std::move(on_notify); }
  // Called, without a lock, before answers are read, with the number of that call from 1.
  void OnRead(std::function<void(int)> on_read) {
    MutexLock lock(mutex_);
    on_read_ = std::move(on_read);
  }
  int reads() const { return reads_; }
  // Called, without a lock, after something was saved. Set it before it is needed.
  void OnSaved(std::function<void()> on_saved) { on_saved_ = std::move(on_saved); }
  int CountAnswered() const {
    MutexLock lock(mutex_);
    return static_cast<int>(
        std::count_if(requests_.begin(), requests_.end(),
                      [](const auto& request) { return request.second.answer.reply.has_value(); }));
  }
  int CountRequests() const {
    MutexLock lock(mutex_);
    return static_cast<int>(requests_.size());
  }
  bool HasReported(const std::string& worker_id) const {
    MutexLock lock(mutex_);
    return pools_.contains(worker_id);
  }

  absl::Status Report(const PoolReport& report) override {
    MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    ListedPool& pool = pools_[report.worker_id];
    pool.report = report;
    pool.seen_ago = absl::ZeroDuration();
    return absl::OkStatus();
  }
  absl::Status Leave(const std::string& worker_id) override {
    MutexLock lock(mutex_);
    pools_.erase(worker_id);
    return fault_;
  }
  absl::StatusOr<std::vector<ListedPool>> ListPools() override {
    MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    std::vector<ListedPool> pools;
    for (const auto& [id, pool] : pools_) pools.push_back(pool);
    return pools;
  }

  absl::StatusOr<FleetAsked> Ask(const std::vector<std::string>& worker_ids,
                                 const FleetQuestion& question) override {
    FleetAsked asked;
    if (absl::Status done = AddRequests(worker_ids, question, asked); !done.ok()) return done;
    on_notify_();
    return asked;
  }
  absl::StatusOr<std::vector<FleetRequest>> TakeRequests(
      const std::string& worker_id, const std::vector<int64_t>& in_hand) override {
    MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    std::vector<FleetRequest> taken;
    for (auto& [id, request] : requests_) {
      if (request.worker_id != worker_id || request.answer.reply.has_value()) continue;
      if (!request.answer.taken && request.expires_at <= clock_.Monotonic()) continue;
      if (std::find(in_hand.begin(), in_hand.end(), id) != in_hand.end()) continue;
      request.answer.taken = true;
      taken.push_back(request.asked);
    }
    if (!taken.empty() && IsLost(lost_takes_)) return ReplyLost();
    return taken;
  }
  absl::Status Answer(int64_t id, const absl::StatusOr<std::string>& reply) override {
    {
      MutexLock lock(mutex_);
      if (!fault_.ok()) return fault_;
      const auto found = requests_.find(id);
      if (found == requests_.end()) return absl::OkStatus();
      if (IsLost(lost_answers_)) return answer_fault_;
      found->second.answer.reply = reply;
    }
    on_notify_();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<FleetAnswer>> ReadAnswers(const std::vector<int64_t>& ids) override {
    on_read()(++reads_);
    MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    std::vector<FleetAnswer> answers;
    for (const auto& [id, request] : requests_) {
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
      answers.push_back(request.answer);
      answers.back().id = id;
      answers.back().lost =
          !pools_.contains(request.worker_id) || silent_.contains(request.worker_id);
    }
    return answers;
  }
  absl::StatusOr<std::map<int64_t, bool>> Withdraw(const std::vector<int64_t>& ids) override {
    MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    std::map<int64_t, bool> withdrawn;
    for (const int64_t id : ids) {
      const auto found = requests_.find(id);
      if (found == requests_.end()) continue;
      withdrawn[id] = found->second.answer.taken;
      requests_.erase(found);
    }
    return withdrawn;
  }
  absl::Status RemoveLeftovers() override { return absl::OkStatus(); }

  absl::StatusOr<SavedPool> Load(const std::string& pool_name) override {
    MutexLock lock(mutex_);
    const auto found = saved_.find(pool_name);
    return found == saved_.end() ? SavedPool() : found->second;
  }
  absl::Status Save(const std::string& pool_name, const SavedPool& changes) override {
    {
      MutexLock lock(mutex_);
      if (!fault_.ok()) return fault_;
      SavedPool& saved = saved_[pool_name];
      if (changes.stopped.has_value()) saved.stopped = changes.stopped;
      if (changes.concurrency.has_value()) saved.concurrency = changes.concurrency;
      if (changes.task_identifiers.has_value()) saved.task_identifiers = changes.task_identifiers;
      if (changes.forbidden_flags.has_value()) saved.forbidden_flags = changes.forbidden_flags;
    }
    on_saved_();
    return absl::OkStatus();
  }
  absl::Status Clear(const std::string& pool_name) override {
    MutexLock lock(mutex_);
    if (fault_.ok()) saved_.erase(pool_name);
    return fault_;
  }

 private:
  struct Request {
    std::string worker_id;
    FleetRequest asked;
    absl::Duration expires_at;
    FleetAnswer answer;
  };

  absl::Status AddRequests(const std::vector<std::string>& worker_ids,
                           const FleetQuestion& question, FleetAsked& asked) {
    MutexLock lock(mutex_);
    if (!fault_.ok()) return fault_;
    asked.in_doubt = doubt_asks_.has_value();
    for (const std::string& worker_id : worker_ids) {
      asked.requests[++last_id_] = worker_id;
      if (!doubt_asks_.value_or(true)) continue;
      Request& request = requests_[last_id_];
      request.worker_id = worker_id;
      request.asked = {last_id_, question.asked_by, question.method, question.payload};
      request.expires_at = clock_.Monotonic() + question.take_within;
    }
    return absl::OkStatus();
  }
  // Counts the call among `lost` ones.
  static bool IsLost(int& lost) {
    if (lost == 0) return false;
    --lost;
    return true;
  }
  static absl::Status ReplyLost() {
    return absl::UnavailableError("the connection to the database was lost");
  }
  std::function<void(int)> on_read() const {
    MutexLock lock(mutex_);
    return on_read_;
  }

  Clock& clock_;
  std::function<void()> on_notify_ = [] {};
  std::function<void()> on_saved_ = [] {};

  mutable Mutex mutex_;
  // Guarded by mutex_.
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ListedPool> pools_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, SavedPool> saved_ ABSL_GUARDED_BY(mutex_);
  int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> silent_ ABSL_GUARDED_BY(mutex_);
  int lost_takes_ ABSL_GUARDED_BY(mutex_) = 0;
  int lost_answers_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status answer_fault_ ABSL_GUARDED_BY(mutex_);
  std::optional<bool> doubt_asks_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> reads_ = 0;
  std::function<void(int)> on_read_ ABSL_GUARDED_BY(mutex_) = [](int) {};
};

}  // namespace millrace
