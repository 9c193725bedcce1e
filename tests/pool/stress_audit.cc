#include "tests/pool/stress_audit.h"

#include <algorithm>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fault/storage_checks.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;

// Records of attempts that have run: a job that an operator ends while it waits, or is given back,
// gets one as attempt 0.
constexpr char kRuns[] = "attempt_outcome where attempt > 0";
// What nobody held when an operator ended it stands under no worker.
constexpr char kCancelledWhileHeld[] = "attempt_outcome where outcome = 'k' and worker <> 0";
constexpr char kFailedWhileHeld[] = "attempt_outcome where outcome = 'x' and worker <> 0";
// A job may have been cancelled when it was exhausted already.
constexpr char kExhausting[] =
    "attempt_outcome where outcome in ('f', 'p') and attempt >= "
    "(select max_attempts from {schema}.job where id = job_id)";

bool EndsItsJob(EventType type) {
  return type == EventType::kJobCompleted || type == EventType::kJobExhausted ||
         type == EventType::kJobCancelled;
}

}  // namespace

void CallersLedger::NoteAdded(const std::vector<AddedJob>& jobs) {
  MutexLock lock(mutex_);
  for (const AddedJob& job : jobs) added_.push_back(job.id);
}

void CallersLedger::NoteEnded(JobEnding ending, const std::vector<JobId>& ids,
                              const std::vector<EndResult>& results) {
  MutexLock lock(mutex_);
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto [known, is_new] = answers_[ending].try_emplace(ids[i], results[i]);
    known->second = std::min(known->second, results[i]);
  }
}

int64_t CallersLedger::CountAdded() const {
  MutexLock lock(mutex_);
  return static_cast<int64_t>(added_.size());
}

std::vector<JobId> CallersLedger::LastAdded(size_t count) const {
  MutexLock lock(mutex_);
  return {added_.end() - static_cast<std::ptrdiff_t>(std::min(count, added_.size())), added_.end()};
}

std::map<JobId, EndResult> CallersLedger::Answers(JobEnding ending) const {
  MutexLock lock(mutex_);
  const auto found = answers_.find(ending);
  return found == answers_.end() ? std::map<JobId, EndResult>() : found->second;
}

void StressAudit::Check(const PoolStats& stats, int starts) {
  CheckJobs();
  CheckEndedByOperators(JobEnding::kCancel);
  CheckEndedByOperators(JobEnding::kFail);
  CheckRuns();
  CheckBookings();
  CheckCounters(stats);
  CheckEvents(starts);
  CheckProgressEvents();
}

void StressAudit::CheckJobs() {
  EXPECT_THAT(FindViolations(schema_.database()), IsEmpty());
  // Each booking has added one more.
  const int64_t jobs = callers_.CountAdded() + CountIn("booking");
  EXPECT_EQ(CountIn("job"), jobs);
  EXPECT_EQ(CountIn("attempt_outcome where final") + CountIn("exhausted"), jobs);
  EXPECT_EQ(CountIn("worker where ended_at is null"), 0);
  EXPECT_EQ(CountIn("progress"), 0);
}

void StressAudit::CheckEndedByOperators(JobEnding ending) {
  const bool cancel = ending == JobEnding::kCancel;
  const JobState wanted = cancel ? JobState::kCancelled : JobState::kExhausted;
  int64_t ended = 0;
  for (const auto& [id, result] : callers_.Answers(ending)) {
    const absl::StatusOr<JobDetails> job = jobs_.GetJob(id);
    ASSERT_TRUE(job.ok()) << job.status();
    switch (result) {
      case EndResult::kEnded:
        EXPECT_EQ(job->state, wanted) << "job " << id;
        EXPECT_EQ(job->last_error, "not wanted") << "job " << id;
        break;
      case EndResult::kRequested:
        EXPECT_TRUE(job->state == wanted || job->state == JobState::kCompleted) << "job " << id;
        break;
      case EndResult::kEndedBefore:
        // One that had no attempts left was exhausted without us.
        EXPECT_TRUE(job->state == JobState::kCompleted ||
                    (!cancel && job->state == JobState::kExhausted))
            << "job " << id;
        break;
      case EndResult::kNotFound:
      case EndResult::kBeingCancelled:
        ADD_FAILURE() << "job " << id << ": answer " << static_cast<int>(result);
    }
    if (job->state == wanted && job->last_error == "not wanted") ++ended;
  }
  EXPECT_EQ(CountOutcomes(cancel ? "k" : "x"), ended);
}

// A record for each run of a handler, no more and no less.
void StressAudit::CheckRuns() {
  EXPECT_THAT(runs_.violations(), IsEmpty());
  int64_t runs = 0;
  for (const auto& [id, count] : runs_.runs()) {
    runs += count;
    const auto records = jobs_.ListAttempts(id, 1000);
    ASSERT_TRUE(records.ok()) << records.status();
    EXPECT_EQ(std::count_if(records->begin(), records->end(),
                            [](const Attempt& attempt) { return attempt.attempt > 0; }),
              count)
        << "job " << id;
  }
  EXPECT_EQ(runs, CountIn(kRuns));
}

// What handlers wrote in their transactions is there if and only if their jobs have completed.
void StressAudit::CheckBookings() {
  const std::string completed =
      "{schema}.attempt_outcome o join {schema}.job j on j.id = o.job_id join {schema}.lane l on "
      "l.id = j.lane where l.task_identifier = 'booking' and o.outcome = 'c'";
  EXPECT_EQ(schema_.Query("select count(*) from " + completed),
            schema_.Query("select count(*) from {schema}.booking"));
  EXPECT_EQ(schema_.Query(absl::StrCat("select count(*) from {schema}.booking b where not exists "
                                       "(select from ",
                                       completed, " and o.job_id = b.job)")),
            "0");
}

void StressAudit::CheckCounters(const PoolStats& stats) {
  EXPECT_EQ(stats.completed, CountOutcomes("c") + CountOutcomes("p"));
  const int64_t failed_in_a_run = CountIn(absl::StrCat(kFailedWhileHeld, " and attempt > 0"));
  EXPECT_EQ(stats.failed, CountOutcomes("f") + failed_in_a_run);
  EXPECT_EQ(stats.interrupted, CountOutcomes("i"));
  const int64_t ended_unrun = CountIn(absl::StrCat(kCancelledWhileHeld, " and attempt = 0")) +
                              CountIn(absl::StrCat(kFailedWhileHeld, " and attempt = 0"));
  EXPECT_EQ(stats.claimed, CountIn(kRuns) + stats.given_back + ended_unrun);
  EXPECT_LE(stats.stale_returned, stats.given_back);
  EXPECT_EQ(stats.errors, 0);
  EXPECT_EQ(stats.active + stats.buffered + stats.stuck, 0);
}

void StressAudit::CheckEvents(int starts) {
  EXPECT_EQ(CountEvents(EventType::kJobCompleted), CountOutcomes("c"));
  EXPECT_EQ(CountEvents(EventType::kJobPartialSuccess), CountOutcomes("p"));
  EXPECT_EQ(CountEvents(EventType::kJobInterrupted), CountOutcomes("i"));
  EXPECT_EQ(CountEvents(EventType::kJobSnoozed), CountOutcomes("s"));
  EXPECT_EQ(CountEvents(EventType::kJobCancelled), CountIn(kCancelledWhileHeld));
  EXPECT_EQ(CountEvents(EventType::kJobExhausted),
            CountIn(kExhausting) + CountIn(kFailedWhileHeld));
  EXPECT_EQ(CountEvents(EventType::kJobFailed),
            CountIn("attempt_outcome where outcome = 'f' and attempt < "
                    "(select max_attempts from {schema}.job where id = job_id)"));
  EXPECT_EQ(CountEvents(EventType::kJobStaleOutcome), 0);
  EXPECT_EQ(CountEvents(EventType::kPoolStart), starts);
  EXPECT_EQ(CountEvents(EventType::kPoolStop), starts);
  for (const Event& event : events_.OfType(EventType::kWorkerError)) {
    const auto& error = std::get<WorkerErrorData>(event.data);
    ADD_FAILURE() << error.operation << ": " << error.error;
  }
}

void StressAudit::CheckProgressEvents() {
  EXPECT_GT(CountEvents(EventType::kJobProgress), 0);
  std::set<JobId> ended;
  for (const Event& event : events_.All()) {
    const auto* job = std::get_if<JobEventData>(&event.data);
    if (job == nullptr) continue;
    if (EndsItsJob(event.type)) ended.insert(job->job_id);
    EXPECT_FALSE(event.type == EventType::kJobProgress && ended.contains(job->job_id))
        << "progress of job " << job->job_id << " behind its end";
  }
}

std::string StressAudit::Summary(const PoolStats& stats) {
  return absl::StrCat("jobs ", CountIn("job"), ", runs ", CountIn(kRuns), ", given back ",
                      stats.given_back, ", interrupted ", stats.interrupted, ", cancelled ",
                      CountOutcomes("k"), " (", CountIn(kCancelledWhileHeld), " of them held, ",
                      CountIn(absl::StrCat(kCancelledWhileHeld, " and attempt > 0")),
                      " run), failed for good ", CountOutcomes("x"), " (",
                      CountIn(kFailedWhileHeld), " of them held), booked ", CountIn("booking"),
                      ", progress events ", CountEvents(EventType::kJobProgress));
}

int64_t StressAudit::CountIn(const std::string& table_and_condition) {
  return std::stoll(schema_.Query("select count(*) from {schema}." + table_and_condition));
}

int64_t StressAudit::CountOutcomes(const std::string& letter) {
  return CountIn("attempt_outcome where outcome = '" + letter + "'");
}

int64_t StressAudit::CountEvents(EventType type) const {
  return static_cast<int64_t>(events_.OfType(type).size());
}

}  // namespace millrace
