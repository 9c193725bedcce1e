#include "server/pool/outcome_recorder.h"

#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/logging.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

// How often a batch that the database refuses, while it is not away, is tried as a whole, and then
// each of its reports, before the fault is looked for in the report.
constexpr int kTriesOfBatch = 3;
constexpr int kTriesOfOne = 2;
constexpr absl::Duration kLongPause = absl::Seconds(5);
// Before jobs whose keys are being taken are tried again.
constexpr absl::Duration kBusyPause = absl::Milliseconds(20);
constexpr int kWithoutEnd = std::numeric_limits<int>::max();

bool IsTransient(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kAborted ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

// The same attempt as failed, with nothing in it that a database could refuse.
AttemptReport WithoutContent(const AttemptReport& report, int max_attempts,
                             const absl::Status& refused) {
  AttemptReport bare;
  bare.claim_id = report.claim_id;
  bare.job_id = report.job_id;
  bare.attempt = report.attempt;
  bare.outcome = AttemptOutcome::kFailed;
  bare.exhausted = report.attempt >= max_attempts;
  bare.delay = absl::Seconds(60);
  bare.execution_time = report.execution_time;
  bare.queue_time = report.queue_time;
  bare.error_message =
      CleanUtf8("the database refused the outcome of this attempt: " + refused.ToString(), 1024);
  return bare;
}

}  // namespace

OutcomeRecorder::OutcomeRecorder(PoolStore& store, OutcomeAnnouncer& announcer,
                                 ErrorReporter& errors, Clock& clock, std::function<void()> on_done)
    : store_(store),
      announcer_(announcer),
      errors_(errors),
      clock_(clock),
      on_done_(std::move(on_done)) {}

void OutcomeRecorder::Run() {
  while (true) {
    Work work = TakeWork();
    if (work.empty()) return;
    if (!work.starts.empty()) RecordStarts(work.starts);
    for (Returned& returned : work.returned) GiveBackNow(std::move(returned));
    for (Batch& batch : work.batches) RecordBatch(std::move(batch));
  }
}

OutcomeRecorder::Work OutcomeRecorder::TakeWork() {
  Work work = std::exchange(later_, {});
  MutexLock lock(mutex_);
  if (work.empty()) {
    while (work_.empty() && !finish_) {
      idle_ = true;
      changed_.Wait(mutex_);
    }
  } else {
    idle_ = true;
    clock_.WaitFor(mutex_, changed_, kBusyPause, [this] {
      mutex_.AssertHeld();
      return !work_.empty() || abandoned_;
    });
  }
  idle_ = false;
  std::move(work_.returned.begin(), work_.returned.end(), std::back_inserter(work.returned));
  std::move(work_.batches.begin(), work_.batches.end(), std::back_inserter(work.batches));
  work.starts = std::move(work_.starts);
  work_ = {};
  return work;
}

void OutcomeRecorder::Finish() {
  MutexLock lock(mutex_);
  finish_ = true;
  changed_.NotifyAll();
}

void OutcomeRecorder::Abandon() {
  MutexLock lock(mutex_);
  abandoned_ = true;
  changed_.NotifyAll();
}

void OutcomeRecorder::Add(FinishedAttempt finished) {
  MutexLock lock(mutex_);
  if (work_.batches.empty() || work_.batches.back().worker != finished.worker) {
    work_.batches.push_back(std::exchange(spare_, {}));
    work_.batches.back().worker = finished.worker;
  }
  Batch& batch = work_.batches.back();
  batch.reports.push_back(std::move(finished.report));
  batch.notices.push_back(std::move(finished.notice));
  ++backlog_;
  WakeLocked();
}

void OutcomeRecorder::GiveBack(ClaimedBatch jobs, bool stale) {
  if (jobs.jobs.empty()) return;
  MutexLock lock(mutex_);
  backlog_ += jobs.jobs.size();
  work_.returned.push_back({std::move(jobs), stale});
  WakeLocked();
}

OutcomeRecorder::StartAnswer OutcomeRecorder::RecordStart(const Hold& hold,
                                                          const std::stop_token& stop) {
  // Shared with the recorder's thread, which may be in the call when the attempt is broken off.
  const auto start = std::make_shared<Start>();
  start->hold = hold;
  {
    MutexLock lock(mutex_);
    work_.starts.push_back(start);
    WakeLocked();
  }
  const std::stop_callback on_stop(stop, [this, &start] {
    MutexLock lock(mutex_);
    start->broken_off = true;
    start_answered_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (!start->answered && !start->broken_off) start_answered_.Wait(mutex_);
  if (!start->answered || start->broken_off) return StartAnswer::kBrokenOff;
  return start->recorded ? StartAnswer::kRecorded : StartAnswer::kRefused;
}

size_t OutcomeRecorder::backlog() const {
  MutexLock lock(mutex_);
  return backlog_;
}

void OutcomeRecorder::RecordStarts(const Starts& starts) {
  std::vector<Hold> holds;
  for (const auto& start : starts) holds.push_back(start->hold);
  absl::StatusOr<std::vector<bool>> recorded;
  const absl::Status status = CallUntilAnswered("record last attempts", kWithoutEnd, [&] {
    recorded = store_.RecordLastAttemptStarts(holds);
    return recorded.status();
  });
  MutexLock lock(mutex_);
  for (size_t i = 0; i < starts.size(); ++i) {
    starts[i]->answered = status.ok();
    // What could not be put on record must not run; it is given back.
    starts[i]->broken_off = starts[i]->broken_off || !status.ok();
    starts[i]->recorded = status.ok() && (*recorded)[i];
  }
  start_answered_.NotifyAll();
}

void OutcomeRecorder::GiveBackNow(Returned returned) {
  std::vector<ClaimedJob>& jobs = returned.batch.jobs;
  std::vector<Hold> holds;
  for (const ClaimedJob& job : jobs) holds.push_back({job.claim_id, job.job.id});
  absl::StatusOr<std::vector<RecordVerdict>> verdicts;
  const absl::Status status = CallUntilAnswered("give back", kWithoutEnd, [&] {
    verdicts = store_.GiveBack(returned.batch.worker, holds);
    return verdicts.status();
  });
  if (!status.ok()) {
    spdlog::error("pool: {} jobs could not be given back; they are free when the lease has ended",
                  jobs.size());
    Done(jobs.size());
    return;
  }
  announcer_.AnnounceGivenBack(jobs, *verdicts, returned.stale);
  Returned busy{{returned.batch.worker, returned.batch.claimed_at, {}}, returned.stale};
  for (size_t i = 0; i < jobs.size(); ++i) {
    if ((*verdicts)[i] == RecordVerdict::kBusy) busy.batch.jobs.push_back(std::move(jobs[i]));
  }
  const size_t left = busy.batch.jobs.size();
  if (MayLeaveForLater(left)) later_.returned.push_back(std::move(busy));
  Done(jobs.size() - left);
}

void OutcomeRecorder::RecordBatch(Batch batch) {
  if (RecordNow(batch, kTriesOfBatch).ok()) {
    Recycle(std::move(batch));
    return;
  }
  for (size_t i = 0; i < batch.reports.size(); ++i) {
    Batch one;
    one.worker = batch.worker;
    one.repeated = true;
    one.reports.push_back(std::move(batch.reports[i]));
    one.notices.push_back(std::move(batch.notices[i]));
    RecordOne(std::move(one));
  }
}

void OutcomeRecorder::Recycle(Batch batch) {
  batch.reports.clear();
  batch.notices.clear();
  batch.repeated = false;
  // Swapped, so that what was there is freed without the lock.
  MutexLock lock(mutex_);
  std::swap(spare_, batch);
}

void OutcomeRecorder::RecordOne(Batch one) {
  while (!abandoned()) {
    const absl::Status refused = RecordNow(one, kTriesOfOne);
    if (refused.ok()) return;
    Batch bare;
    bare.worker = one.worker;
    bare.notices.push_back(one.notices.front());
    bare.reports.push_back(
        WithoutContent(one.reports.front(), one.notices.front().event.max_attempts, refused));
    bare.notices.front().event.error = bare.reports.front().error_message;
    // If even that is refused, the fault is not in the report.
    if (RecordNow(bare, 1).ok()) return;
    WaitToRepeat(kLongPause);
  }
  spdlog::error("pool: the outcome of job {} (attempt {}) is not recorded; it runs again",
                one.reports.front().job_id, one.reports.front().attempt);
  Done(1);
}

absl::Status OutcomeRecorder::RecordNow(Batch& batch, int tries_if_refused) {
  absl::StatusOr<RecordResult> result;
  int tries = 0;
  const absl::Status status = CallUntilAnswered("record outcomes", tries_if_refused, [&] {
    ++tries;
    result = store_.Record(batch.worker, batch.reports);
    return result.status();
  });
  batch.repeated = batch.repeated || tries > 1;
  if (!status.ok()) return status;
  announcer_.Announce(batch.reports, batch.notices, *result, batch.repeated);
  Batch busy;
  busy.worker = batch.worker;
  busy.repeated = batch.repeated;
  for (size_t i = 0; i < batch.reports.size(); ++i) {
    if (result->verdicts[i] != RecordVerdict::kBusy) continue;
    busy.reports.push_back(std::move(batch.reports[i]));
    busy.notices.push_back(std::move(batch.notices[i]));
  }
  const size_t left = busy.reports.size();
  if (MayLeaveForLater(left)) later_.batches.push_back(std::move(busy));
  Done(batch.reports.size() - left);
  return status;
}

bool OutcomeRecorder::MayLeaveForLater(size_t count) {
  if (count == 0) return false;
  if (!abandoned()) return true;
  spdlog::error("pool: {} jobs whose keys are being taken are left to the end of the lease", count);
  Done(count);
  return false;
}

absl::Status OutcomeRecorder::CallUntilAnswered(const char* operation, int tries_if_refused,
                                                const std::function<absl::Status()>& call) {
  Backoff backoff;
  for (int refused = 0;;) {
    const absl::Status status = call();
    if (status.ok()) return status;
    errors_.Report(operation, status);
    if (!IsTransient(status) && ++refused >= tries_if_refused) return status;
    if (!WaitToRepeat(backoff.Next())) return status;
  }
}

bool OutcomeRecorder::abandoned() const {
  MutexLock lock(mutex_);
  return abandoned_;
}

bool OutcomeRecorder::WaitToRepeat(absl::Duration delay) {
  MutexLock lock(mutex_);
  return !clock_.WaitFor(mutex_, changed_, delay, [this] {
    mutex_.AssertHeld();
    return abandoned_;
  });
}

void OutcomeRecorder::WakeLocked() {
  if (!std::exchange(idle_, false)) return;
  changed_.NotifyAll();
}

void OutcomeRecorder::Done(size_t count) {
  {
    MutexLock lock(mutex_);
    backlog_ -= count;
  }
  on_done_();
}

}  // namespace millrace
