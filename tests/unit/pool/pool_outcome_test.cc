// What becomes of attempts (contract A9 to A12), through a whole pool.

#include <stdexcept>

#include "tests/support/eventually.h"
#include "tests/unit/pool/pool_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PoolOutcomeTest : public PoolFixture {};

TEST_F(PoolOutcomeTest, AtTheEndItIsKnownHowManyOutcomesTheDatabaseDidNotTake) {
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  store_.Fail(Call::kRecord, absl::UnavailableError("away"), FakePoolStore::kAlways);
  AddAndWake("ok");
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(pool_->Close(), 1u);
}

TEST_F(PoolOutcomeTest, NothingIsLostAtTheEndOfAPoolThatRecordedAll) {
  StartPool();
  AddAndWake("ok");
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(pool_->Close(), 0u);
}

TEST_F(PoolOutcomeTest, HandlerThatReturnsCompletesItsJob) {
  const JobId id = store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(store_.Look(id).state, JobState::kCompleted);
  EXPECT_EQ(pool_->Stats().completed, 1);
  EXPECT_EQ(pool_->Stats().claimed, 1);
  const JobEventData event = JobEvents(EventType::kJobCompleted)[0];
  EXPECT_EQ(event.job_id, id);
  EXPECT_EQ(event.task_identifier, "ok");
  EXPECT_EQ(event.attempt, 1);
  EXPECT_EQ(event.error, "");
}

TEST_F(PoolOutcomeTest, ResultIsKept) {
  tasks_.Add("result", [](TaskContext&) { return TaskResult::Success(R"({"rows": 3})"); });
  const JobId id = store_.AddTask("result");
  StartPool();
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_EQ(store_.Look(id).history[0].result, R"({"rows": 3})");
}

TEST_F(PoolOutcomeTest, ResultThatIsNotJsonFailsTheAttempt) {
  tasks_.Add("bad", [](TaskContext&) { return TaskResult::Success("{\"a\": 1e999 oops"); });
  const JobId id = store_.AddTask("bad");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_THAT(store_.Look(id).history[0].error_message, HasSubstr("result: not valid JSON"));
}

TEST_F(PoolOutcomeTest, FailureIsRetriedAfterTheBackoff) {
  const JobId id = store_.AddTask("fail");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  const JobEventData event = JobEvents(EventType::kJobFailed)[0];
  EXPECT_EQ(event.error, "no luck");
  EXPECT_EQ(event.next_run_at, clock_.Now() + absl::Seconds(2));
  EXPECT_EQ(store_.Look(id).state, JobState::kScheduled);
  EXPECT_EQ(store_.Look(id).history[0].error_detail, "the detail");
  EXPECT_EQ(pool_->Stats().failed, 1);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed, 2));
  EXPECT_EQ(store_.Look(id).job.attempt, 2);
  EXPECT_EQ(JobEvents(EventType::kJobFailed)[1].next_run_at, clock_.Now() + absl::Seconds(4));
}

TEST_F(PoolOutcomeTest, ExceptionIsAFailureWithItsTypeAsDetail) {
  tasks_.Add("throw", [](TaskContext&) { throw std::out_of_range("beyond the end"); });
  const JobId id = store_.AddTask("throw");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(store_.Look(id).history[0].error_message, "beyond the end");
  EXPECT_THAT(store_.Look(id).history[0].error_detail, HasSubstr("std::out_of_range"));
}

TEST_F(PoolOutcomeTest, ThrownIntegerIsAFailureToo) {
  tasks_.Add("throw", [](TaskContext&) { throw 42; });
  store_.AddTask("throw");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_THAT(JobEvents(EventType::kJobFailed)[0].error, HasSubstr("not a std::exception"));
}

TEST_F(PoolOutcomeTest, FailureOnTheLastAttemptExhaustsWithoutJobFailed) {
  const JobId id = store_.AddTask("fail", /*max_attempts=*/1);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_EQ(store_.Look(id).state, JobState::kExhausted);
  EXPECT_TRUE(events_.OfType(EventType::kJobFailed).empty());
  EXPECT_EQ(JobEvents(EventType::kJobExhausted)[0].next_run_at, std::nullopt);
  EXPECT_EQ(pool_->Stats().failed, 1);
}

TEST_F(PoolOutcomeTest, LastAttemptIsPutOnRecordBeforeItsHandlerRuns) {
  tasks_.Add("look", [this](TaskContext& context) {
    if (!store_.Look(context.job().id).last_start_recorded) throw std::runtime_error("not yet");
  });
  const JobId id = store_.AddTask("look", /*max_attempts=*/1);
  StartPool();
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_EQ(store_.CountCalls(Call::kRecordStarts), 1);
}

TEST_F(PoolOutcomeTest, EarlierAttemptsNeedNoRecordOfTheirStart) {
  const JobId id = store_.AddTask("ok", /*max_attempts=*/2);
  StartPool();
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_EQ(store_.CountCalls(Call::kRecordStarts), 0);
}

TEST_F(PoolOutcomeTest, LastAttemptWaitsUntilTheDatabaseIsBackToRecordItsStart) {
  store_.Fail(Call::kRecordStarts, absl::UnavailableError("away"), FakePoolStore::kAlways);
  const JobId id = store_.AddTask("ok", /*max_attempts=*/1);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(pool_->Stats().active, 0);
  store_.Mend();
  // In steps: the recorder may begin its pause only after the error was announced.
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(absl::Milliseconds(100));
    return store_.Look(id).state == JobState::kCompleted;
  }));
}

TEST_F(PoolOutcomeTest, LastAttemptWhoseClaimIsGoneDoesNotRun) {
  store_.Hang(Call::kRecordStarts);
  bool ran = false;
  tasks_.Add("flag", [&ran](TaskContext&) { ran = true; });
  const JobId id = store_.AddTask("flag", /*max_attempts=*/1);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kRecordStarts, 1));
  store_.SetMaxJobsOfClaims(0);
  ASSERT_TRUE(store_.GiveBack(1, {{store_.Claims().at(0).number, id}}).ok());
  store_.Release(Call::kRecordStarts);
  ASSERT_TRUE(pool_->Stop(absl::Minutes(1)).ok());
  EXPECT_FALSE(ran);
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
}

TEST_F(PoolOutcomeTest, PartialSuccessIsRetriedAndHandedToTheNextAttempt) {
  tasks_.Add("steps", [](TaskContext& context) {
    if (context.last_partial_success().has_value()) {
      return TaskResult::Success("\"" + context.last_partial_success()->retry_from_step + "\"");
    }
    return TaskResult::PartiallyDone({{"read"}, {"write"}, "write", R"({"rows": 3})"});
  });
  const JobId id = store_.AddTask("steps");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobPartialSuccess));
  const JobEventData event = JobEvents(EventType::kJobPartialSuccess)[0];
  ASSERT_NE(event.partial_success, nullptr);
  EXPECT_THAT(event.partial_success->completed_steps, ElementsAre("read"));
  EXPECT_EQ(event.next_run_at, clock_.Now() + absl::Seconds(2));
  EXPECT_EQ(pool_->Stats().completed, 1);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  EXPECT_EQ(store_.Look(id).history[1].result, "\"write\"");
}

TEST_F(PoolOutcomeTest, PartialSuccessOnTheLastAttemptExhausts) {
  tasks_.Add("steps", [](TaskContext&) {
    return TaskResult::PartiallyDone({{"read"}, {"write"}, "write", ""});
  });
  store_.AddTask("steps", /*max_attempts=*/1);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "job/partial-success", "job/exhausted"));
  EXPECT_EQ(pool_->Stats().completed, 1);
  EXPECT_EQ(pool_->Stats().failed, 0);
}

TEST_F(PoolOutcomeTest, SnoozeDoesNotCountTheAttempt) {
  tasks_.Add("snooze", [](TaskContext&) { return TaskResult::Snooze(absl::Minutes(7)); });
  const JobId id = store_.AddTask("snooze", /*max_attempts=*/2);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobSnoozed));
  EXPECT_EQ(JobEvents(EventType::kJobSnoozed)[0].next_run_at, clock_.Now() + absl::Minutes(7));
  EXPECT_EQ(store_.Look(id).job.attempt, 0);
  EXPECT_EQ(pool_->Stats().completed + pool_->Stats().failed, 0);
}

TEST_F(PoolOutcomeTest, CancelEndsTheJob) {
  tasks_.Add("cancel", [](TaskContext&) { return TaskResult::Cancel("gone"); });
  const JobId id = store_.AddTask("cancel");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(JobEvents(EventType::kJobCancelled)[0].error, "gone");
  EXPECT_EQ(store_.Look(id).state, JobState::kCancelled);
}

TEST_F(PoolOutcomeTest, FailureMayBringItsOwnDelay) {
  tasks_.Add("later", [](TaskContext&) { return TaskResult::Retry("busy", absl::Hours(3)); });
  store_.AddTask("later");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(JobEvents(EventType::kJobFailed)[0].next_run_at, clock_.Now() + absl::Hours(3));
}

TEST_F(PoolOutcomeTest, TaskMayBringItsOwnBackoff) {
  RetryPolicy slow;
  slow.base = absl::Minutes(10);
  slow.multiplier = 1;
  slow.jitter = 0;
  tasks_.Add("slow", [](TaskContext&) { return TaskResult::Fail("no"); }, {.retry = slow});
  store_.AddTask("slow");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(JobEvents(EventType::kJobFailed)[0].next_run_at, clock_.Now() + absl::Minutes(10));
}

TEST_F(PoolOutcomeTest, HandlerPastItsLimitIsAskedToStopAndFails) {
  config_.max_job_execution_time = absl::Seconds(90);
  const JobId id = store_.AddTask("obedient");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  clock_.Advance(absl::Seconds(90));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_THAT(events_.Names(), ElementsAre("pool/start", "job/timeout", "job/failed"));
  EXPECT_EQ(store_.Look(id).history[0].error_message, "timed out after 90000 ms");
  EXPECT_THAT(store_.Look(id).history[0].error_detail, HasSubstr("asked to stop"));
  EXPECT_EQ(JobEvents(EventType::kJobTimeout)[0].duration, absl::Seconds(90));
  EXPECT_EQ(pool_->Stats().failed, 1);
}

TEST_F(PoolOutcomeTest, TaskMayHaveItsOwnTimeLimit) {
  tasks_.Add(
      "short",
      [this](TaskContext& context) {
        arrived_.Open();
        context.WaitFor(absl::InfiniteDuration());
        throw std::runtime_error(context.stop_reason() == StopReason::kTimeout ? "time" : "other");
      },
      {.timeout = absl::Seconds(1)});
  const JobId id = store_.AddTask("short");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobFailed));
  EXPECT_EQ(store_.Look(id).history[0].error_detail.substr(0, 17), "the handler: time");
}

TEST_F(PoolOutcomeTest, SuccessThatComesAfterTheLimitCountsAllTheSame) {
  config_.max_job_execution_time = absl::Seconds(1);
  tasks_.Add("late", [this](TaskContext& context) {
    arrived_.Open();
    context.WaitFor(absl::InfiniteDuration());
    return TaskResult::Success();
  });
  const JobId id = store_.AddTask("late");
  StartPool();
  ASSERT_TRUE(arrived_.WaitForOpen());
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(store_.Look(id).state, JobState::kCompleted);
  EXPECT_EQ(events_.OfType(EventType::kJobTimeout).size(), 1u);
}

TEST_F(PoolOutcomeTest, HandlerThatIgnoresItsTimeLimitIsReportedAsStuck) {
  config_.max_job_execution_time = absl::Seconds(60);
  store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  clock_.Advance(absl::Seconds(60));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobTimeout));
  EXPECT_EQ(pool_->Stats().stuck, 0);
  // The request to stop has been made once the event of it is followed by the token.
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(config_.stop_grace);
    return pool_->Stats().stuck == 1;
  }));
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerStuck));
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(pool_->Stats().stuck, 0);
}

TEST_F(PoolOutcomeTest, ZeroMeansNoTimeLimit) {
  config_.max_job_execution_time = absl::ZeroDuration();
  absl::Duration left;
  tasks_.Add("left", [&left](TaskContext& context) { left = context.TimeLeft(); });
  store_.AddTask("left");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(left, absl::InfiniteDuration());
}

TEST_F(PoolOutcomeTest, UnknownTaskIsExhaustedAtOnceWhereItIsClaimed) {
  config_.claim_unknown_tasks = true;
  const JobId id = store_.AddTask("nobody knows me");
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobExhausted));
  EXPECT_EQ(store_.Look(id).state, JobState::kExhausted);
  EXPECT_EQ(store_.Look(id).history[0].error_message, "no handler registered");
  EXPECT_EQ(pool_->Stats().failed, 1);
  EXPECT_TRUE(store_.Claims()[0].task_identifiers.empty());
}

TEST_F(PoolOutcomeTest, UnknownTaskIsLeftAloneByDefault) {
  const JobId id = store_.AddTask("nobody knows me");
  StartPool();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(store_.Look(id).state, JobState::kReady);
  EXPECT_THAT(store_.Claims()[0].task_identifiers,
              ElementsAre("fail", "obedient", "ok", "stubborn"));
}

TEST_F(PoolOutcomeTest, OutcomeIsRecordedOnceTheDatabaseIsBack) {
  const JobId id = store_.AddTask("ok");
  store_.Fail(Call::kRecord, absl::UnavailableError("away"), 2);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  EXPECT_EQ(store_.Look(id).state, JobState::kHeld);
  EXPECT_TRUE(events_.OfType(EventType::kJobCompleted).empty());
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Seconds(2));
    return store_.Look(id).state == JobState::kCompleted;
  }));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(pool_->Stats().errors, 2);
  EXPECT_EQ(std::get<WorkerErrorData>(events_.OfType(EventType::kWorkerError)[0].data).operation,
            "record outcomes");
}

TEST_F(PoolOutcomeTest, LateReportOfALostClaimIsStale) {
  store_.AddTask("stubborn");
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(1));
  ASSERT_TRUE(store_.Rescue(1).ok());
  gate_.Open();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobStaleOutcome));
  EXPECT_EQ(JobEvents(EventType::kJobStaleOutcome)[0].attempt, 1);
  // It is free for everybody, so that the next attempt may have run here already.
  for (const JobEventData& completed : JobEvents(EventType::kJobCompleted))
    EXPECT_EQ(completed.attempt, 2);
}

TEST_F(PoolOutcomeTest, OutcomeWhoseAnswerWasLostIsAnnouncedAndCountedOnce) {
  store_.Fail(Call::kRecord, absl::UnavailableError("lost"), 1, /*after_doing=*/true);
  const JobId id = store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(store_.WaitForState(id, JobState::kCompleted));
  ASSERT_TRUE(events_.WaitFor(EventType::kWorkerError));
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Seconds(1));
    return !events_.OfType(EventType::kJobCompleted).empty();
  }));
  EXPECT_EQ(events_.OfType(EventType::kJobCompleted).size(), 1u);
  EXPECT_TRUE(events_.OfType(EventType::kJobStaleOutcome).empty());
  EXPECT_EQ(pool_->Stats().completed, 1);
  EXPECT_EQ(store_.Look(id).history.size(), 1u);
}

TEST_F(PoolOutcomeTest, SupersededJobIsCancelled) {
  const JobId id = store_.AddTask("fail");
  store_.AnswerWith(id, RecordVerdict::kCancelled, 1);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCancelled));
  EXPECT_EQ(JobEvents(EventType::kJobCancelled)[0].error, "superseded");
  EXPECT_EQ(pool_->Stats().failed, 0);
}

TEST_F(PoolOutcomeTest, ReportOfAJobWhoseKeyIsBeingTakenIsRepeatedSoon) {
  const JobId id = store_.AddTask("ok");
  store_.AnswerWith(id, RecordVerdict::kBusy, 2);
  StartPool();
  ASSERT_TRUE(Eventually([this, id] {
    clock_.Advance(absl::Milliseconds(20));
    return store_.Look(id).state == JobState::kCompleted;
  }));
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(pool_->Stats().errors, 0);
}

TEST_F(PoolOutcomeTest, ReportThatTheDatabaseRefusesBecomesABareFailure) {
  const JobId id = store_.AddTask("ok");
  // Three times as a batch, twice alone; then without content.
  store_.Fail(Call::kRecord, absl::InternalError("invalid byte sequence"), 5);
  StartPool();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Seconds(1));
    return !events_.OfType(EventType::kJobFailed).empty();
  }));
  EXPECT_THAT(store_.Look(id).history[0].error_message, HasSubstr("invalid byte sequence"));
  EXPECT_EQ(store_.Look(id).state, JobState::kScheduled);
}

TEST_F(PoolOutcomeTest, OutcomeThatIsRefusedInEveryFormHoldsUpNoOther) {
  const JobId bad = store_.AddTask("ok");
  store_.Refuse(bad);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kRecord, 1));
  const JobId good = AddAndWake("ok");
  ASSERT_TRUE(Eventually([this, good] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.Look(good).state == JobState::kCompleted;
  }));
  EXPECT_EQ(store_.Look(bad).state, JobState::kHeld);
  store_.Mend();
  EXPECT_TRUE(Eventually([this, bad] {
    clock_.Advance(absl::Seconds(1));
    return store_.Look(bad).state == JobState::kCompleted;
  }));
}

TEST_F(PoolOutcomeTest, JobThatCanNeitherStartNorBeGivenBackHoldsUpNoOther) {
  const JobId bad = store_.AddTask("ok", /*max_attempts=*/1);
  store_.Refuse(bad);
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kRecordStarts, 1));
  const JobId good = AddAndWake("ok", /*max_attempts=*/1);
  ASSERT_TRUE(Eventually([this, good] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.Look(good).state == JobState::kCompleted;
  }));
  EXPECT_EQ(store_.Look(bad).state, JobState::kHeld);
  store_.Mend();
  EXPECT_TRUE(Eventually([this, bad] {
    clock_.Advance(absl::Seconds(1));
    return store_.Look(bad).state == JobState::kCompleted;
  }));
}

TEST_F(PoolOutcomeTest, StopTriesOnceMoreWhatWasRefusedWhenItIsAbandoned) {
  const JobId bad = store_.AddTask("ok", /*max_attempts=*/1);
  store_.Refuse(bad);
  StartPool();
  ASSERT_TRUE(Eventually([this] {
    clock_.Advance(absl::Milliseconds(50));
    return store_.CountCalls(Call::kGiveBack) == 5;
  }));
  // What comes later is recorded later.
  ASSERT_TRUE(store_.WaitForState(AddAndWake("ok"), JobState::kCompleted));
  // ResetOverdueJobs may free it meanwhile, with its attempt uncounted.
  EXPECT_TRUE(store_.Look(bad).kept);
  store_.Mend();
  pool_.reset();
  EXPECT_EQ(store_.Look(bad).state, JobState::kReady);
}

TEST_F(PoolOutcomeTest, HandlerSeesItsJob) {
  Job job;
  job.task_identifier = "see";
  job.payload = R"({"n": 1})";
  job.priority = 3;
  job.correlation_id = "order 9";
  std::string seen;
  tasks_.Add("see", [&seen](TaskContext& context) {
    seen = context.job().payload + context.job().correlation_id + context.worker_id();
    context.Log(TaskContext::LogLevel::kDebug, "seen {} and %s");
  });
  store_.Add(job);
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(seen, "{\"n\": 1}order 9worker-id");
}

TEST_F(PoolOutcomeTest, QueueTimeCountsFromTheMomentTheJobWasDue) {
  store_.AddTask("ok");
  clock_.Advance(absl::Seconds(9));
  StartPool();
  ASSERT_TRUE(events_.WaitFor(EventType::kJobCompleted));
  EXPECT_EQ(JobEvents(EventType::kJobCompleted)[0].queue_time, absl::Seconds(9));
}

TEST_F(PoolOutcomeTest, OutcomesThatCameDuringACallAreRecordedTogether) {
  store_.Hang(Call::kRecord);
  store_.AddTask("ok");
  StartPool();
  ASSERT_TRUE(store_.WaitForCalls(Call::kRecord, 1));
  JobId last = 0;
  for (int i = 0; i < 20; ++i) last = store_.AddTask("ok");
  pool_->Wake();
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().claimed == 21; }));
  ASSERT_TRUE(
      Eventually([this] { return pool_->Stats().buffered == 0 && pool_->Stats().active == 0; }));
  store_.Release(Call::kRecord);
  ASSERT_TRUE(store_.WaitForState(last, JobState::kCompleted));
  EXPECT_GT(store_.RecordSizes().at(1), 10u);
}

}  // namespace
}  // namespace millrace
