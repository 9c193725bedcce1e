#include "server/pool/outcome_recorder.h"

#include <iterator>
#include <optional>
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

std::vector<Hold> HoldsOf(const std::vector<ClaimedJob>& jobs) {
  std::vector<Hold> holds;
  for (const ClaimedJob& job : jobs) holds.push_back({job.claim_id, job.job.id});
  return holds;
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
    for (Returned& returned : work.returned) GiveBackBatch(std::move(returned));
    if (!work.kept.empty()) {
      NoteUnbegun(work.kept);
      Done(work.kept.size());
    }
    for (Settled& settled : work.settled) AnnounceSettled(std::move(settled));
    for (Doubt& doubt : work.doubts) Resolve(std::move(doubt));
    for (Batch& batch : work.batches) RecordBatch(std::move(batch));
  }
}

OutcomeRecorder::Work OutcomeRecorder::TakeWork() {
  Work work = std::exchange(later_, {});
  MutexLock lock(mutex_);
  idle_ = true;
  bool retry_refused = false;
  if (!work.empty()) {
    WaitForWork(kBusyPause);
  } else if (!refused_.empty()) {
    retry_refused = !WaitForWork(retry_refused_at_ - clock_.Monotonic());
  } else {
    while (work_.empty() && !finish_) changed_.Wait(mutex_);
  }
  idle_ = false;
  if (retry_refused || abandoned_ || clock_.Monotonic() >= retry_refused_at_) Move(refused_, work);
  Move(work_, work);
  return work;
}

bool OutcomeRecorder::WaitForWork(absl::Duration timeout) {
  return clock_.WaitFor(mutex_, changed_, timeout, [this] {
    mutex_.AssertHeld();
    return !work_.empty() || abandoned_;
  });
}

void OutcomeRecorder::Move(Work& from, Work& to) {
  std::move(from.starts.begin(), from.starts.end(), std::back_inserter(to.starts));
  std::move(from.returned.begin(), from.returned.end(), std::back_inserter(to.returned));
  to.kept.insert(to.kept.end(), from.kept.begin(), from.kept.end());
  std::move(from.batches.begin(), from.batches.end(), std::back_inserter(to.batches));
  std::move(from.settled.begin(), from.settled.end(), std::back_inserter(to.settled));
  std::move(from.doubts.begin(), from.doubts.end(), std::back_inserter(to.doubts));
  from = {};
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
  finished.notice.content = CountContent(finished.report);
  batch.reports.push_back(std::move(finished.report));
  batch.notices.push_back(std::move(finished.notice));
  ++backlog_;
  WakeLocked();
}

void OutcomeRecorder::AddSettled(FinishedAttempt finished, RecordVerdict verdict,
                                 absl::Time recorded_at) {
  finished.notice.content = CountContent(finished.report);
  MutexLock lock(mutex_);
  work_.settled.push_back({std::move(finished), verdict, recorded_at});
  ++backlog_;
  WakeLocked();
}

void OutcomeRecorder::AddInDoubt(FinishedAttempt completed, FinishedAttempt otherwise) {
  completed.notice.content = CountContent(completed.report);
  MutexLock lock(mutex_);
  work_.doubts.push_back({std::move(completed), std::move(otherwise)});
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

void OutcomeRecorder::KeepLocked(const ClaimedBatch& jobs) {
  MutexLock lock(mutex_);
  backlog_ += jobs.jobs.size();
  for (const ClaimedJob& job : jobs.jobs) work_.kept.push_back({job.claim_id, job.job.id});
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

CountedBytes OutcomeRecorder::CountContent(const AttemptReport& report) {
  size_t bytes = report.error_message.size() + report.error_detail.size() + report.result.size();
  if (report.partial_success.has_value()) {
    bytes += report.partial_success->results.size();
    for (const std::string& step : report.partial_success->completed_steps) bytes += step.size();
    for (const std::string& step : report.partial_success->failed_steps) bytes += step.size();
  }
  return bytes == 0 ? CountedBytes() : CountedBytes(backlog_bytes_, bytes);
}

size_t OutcomeRecorder::backlog() const {
  MutexLock lock(mutex_);
  return backlog_;
}

void OutcomeRecorder::RecordStarts(const Starts& starts) {
  if (RecordStartsNow(starts, kTriesOfBatch).ok()) return;
  for (const auto& start : starts) {
    if (!abandoned() && RecordStartsNow({start}, kTriesOfOne).ok()) continue;
    MutexLock lock(mutex_);
    // What could not be put on record must not run; it is given back.
    start->broken_off = true;
    start_answered_.NotifyAll();
  }
}

absl::Status OutcomeRecorder::RecordStartsNow(const Starts& starts, int tries_if_refused) {
  std::vector<Hold> holds;
  for (const auto& start : starts) holds.push_back(start->hold);
  absl::StatusOr<std::vector<bool>> recorded;
  const absl::Status status = CallUntilAnswered("record last attempts", tries_if_refused, [&] {
    recorded = store_.RecordLastAttemptStarts(holds);
    return recorded.status();
  });
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  for (size_t i = 0; i < starts.size(); ++i) {
    starts[i]->answered = true;
    starts[i]->recorded = (*recorded)[i];
  }
  start_answered_.NotifyAll();
  return status;
}

void OutcomeRecorder::GiveBackBatch(Returned returned) {
  if (GiveBackNow(returned, returned.refused ? 1 : kTriesOfBatch).ok()) return;
  if (returned.refused || abandoned()) return PutAside(std::move(returned));
  for (ClaimedJob& job : returned.batch.jobs) {
    Returned one{{returned.batch.worker, returned.batch.claimed_at, {}}, returned.stale};
    one.batch.jobs.push_back(std::move(job));
    if (!GiveBackNow(one, kTriesOfOne).ok()) PutAside(std::move(one));
  }
}

absl::Status OutcomeRecorder::GiveBackNow(Returned& returned, int tries_if_refused) {
  std::vector<ClaimedJob>& jobs = returned.batch.jobs;
  const std::vector<Hold> holds = HoldsOf(jobs);
  absl::StatusOr<RecordResult> result;
  const absl::Status status = CallUntilAnswered("give back", tries_if_refused, [&] {
    result = store_.GiveBack(returned.batch.worker, holds);
    return result.status();
  });
  if (!status.ok()) return status;
  announcer_.AnnounceGivenBack(jobs, *result, returned.stale);
  Returned busy{{returned.batch.worker, returned.batch.claimed_at, {}}, returned.stale};
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (result->verdicts[i] == RecordVerdict::kBusy) busy.batch.jobs.push_back(std::move(jobs[i]));
  }
  const size_t given_back = jobs.size() - busy.batch.jobs.size();
  if (MayLeaveForLater(busy.batch.jobs.size())) later_.returned.push_back(std::move(busy));
  Done(given_back);
  return status;
}

void OutcomeRecorder::NoteUnbegun(const std::vector<Hold>& kept) {
  const absl::Status noted =
      CallUntilAnswered("keep jobs locked", kTriesOfBatch, [&] { return store_.NoteKept(kept); });
  if (!noted.ok()) {
    spdlog::error("pool: {} jobs that have not begun count as begun when they are freed",
                  kept.size());
  }
}

void OutcomeRecorder::AnnounceSettled(Settled settled) {
  RecordResult result;
  result.verdicts = {settled.verdict};
  result.recorded_at = {settled.recorded_at};
  std::vector<AttemptNotice> notices;
  notices.push_back(std::move(settled.finished.notice));
  announcer_.Announce({settled.finished.report}, notices, result);
  notices.clear();
  Done(1);
}

void OutcomeRecorder::Resolve(Doubt doubt) {
  const AttemptReport& report = doubt.completed.report;
  absl::StatusOr<std::optional<absl::Time>> completed_at;
  const absl::Status found = CallUntilAnswered("look for a completion", kTriesOfBatch, [&] {
    completed_at = store_.FindCompletion({report.claim_id, report.job_id});
    return completed_at.status();
  });
  if (!found.ok()) {
    if (!MayLeaveForLater(1)) return;
    if (refused_.empty()) retry_refused_at_ = clock_.Monotonic() + kLongPause;
    refused_.doubts.push_back(std::move(doubt));
  } else if (completed_at->has_value()) {
    AnnounceSettled({std::move(doubt.completed), RecordVerdict::kAccepted, **completed_at});
  } else {
    Batch one;
    one.worker = doubt.otherwise.worker;
    one.reports.push_back(std::move(doubt.otherwise.report));
    one.notices.push_back(std::move(doubt.otherwise.notice));
    RecordOne(std::move(one));
  }
}

void OutcomeRecorder::RecordBatch(Batch batch) {
  if (batch.refused) return RecordOne(std::move(batch));
  if (RecordNow(batch, kTriesOfBatch).ok()) {
    Recycle(std::move(batch));
    return;
  }
  for (size_t i = 0; i < batch.reports.size(); ++i) {
    Batch one;
    one.worker = batch.worker;
    one.reports.push_back(std::move(batch.reports[i]));
    one.notices.push_back(std::move(batch.notices[i]));
    RecordOne(std::move(one));
  }
}

void OutcomeRecorder::Recycle(Batch batch) {
  batch.reports.clear();
  batch.notices.clear();
  batch.refused = false;
  // Swapped, so that what was there is freed without the lock.
  MutexLock lock(mutex_);
  std::swap(spare_, batch);
}

void OutcomeRecorder::RecordOne(Batch one) {
  if (!abandoned()) {
    const absl::Status refused = RecordNow(one, one.refused ? 1 : kTriesOfOne);
    if (refused.ok()) return;
    Batch bare;
    bare.worker = one.worker;
    bare.notices.push_back(
        {.event = one.notices.front().event, .metrics = one.notices.front().metrics});
    bare.reports.push_back(
        WithoutContent(one.reports.front(), one.notices.front().event.max_attempts, refused));
    bare.notices.front().event.error = bare.reports.front().error_message;
    if (RecordNow(bare, 1).ok()) return;
  }
  PutAside(std::move(one));
}

void OutcomeRecorder::PutAside(Returned returned) {
  if (abandoned()) {
    const size_t jobs = returned.batch.jobs.size();
    spdlog::error("pool: {} jobs could not be given back; they are free when the lease has ended",
                  jobs);
    return GiveUp(jobs);
  }
  // So that ResetOverdueJobs frees them, too, and nobody counts their attempts.
  if (!returned.refused) NoteUnbegun(HoldsOf(returned.batch.jobs));
  returned.refused = true;
  if (refused_.empty()) retry_refused_at_ = clock_.Monotonic() + kLongPause;
  refused_.returned.push_back(std::move(returned));
}

void OutcomeRecorder::PutAside(Batch one) {
  if (abandoned()) {
    spdlog::error("pool: the outcome of job {} (attempt {}) is not recorded; it runs again",
                  one.reports.front().job_id, one.reports.front().attempt);
    return GiveUp(1);
  }
  one.refused = true;
  if (refused_.empty()) retry_refused_at_ = clock_.Monotonic() + kLongPause;
  refused_.batches.push_back(std::move(one));
}

absl::Status OutcomeRecorder::RecordNow(Batch& batch, int tries_if_refused) {
  absl::StatusOr<RecordResult> result;
  const absl::Status status = CallUntilAnswered("record outcomes", tries_if_refused, [&] {
    result = store_.Record(batch.worker, batch.reports);
    return result.status();
  });
  if (!status.ok()) return status;
  announcer_.Announce(batch.reports, batch.notices, *result);
  Batch busy;
  busy.worker = batch.worker;
  for (size_t i = 0; i < batch.reports.size(); ++i) {
    if (result->verdicts[i] != RecordVerdict::kBusy) {
      batch.notices[i].content = CountedBytes();
      continue;
    }
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
  spdlog::error(
      "pool: {} jobs that the database cannot settle now are left to the end of the lease", count);
  GiveUp(count);
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

size_t OutcomeRecorder::given_up() const {
  MutexLock lock(mutex_);
  return given_up_;
}

void OutcomeRecorder::GiveUp(size_t count) {
  {
    MutexLock lock(mutex_);
    given_up_ += count;
  }
  Done(count);
}

void OutcomeRecorder::Done(size_t count) {
  {
    MutexLock lock(mutex_);
    backlog_ -= count;
  }
  on_done_();
}

}  // namespace millrace
