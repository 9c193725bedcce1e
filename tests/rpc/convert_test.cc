#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rpc/convert/event_proto.h"
#include "server/rpc/convert/events_request.h"
#include "server/rpc/convert/job_proto.h"
#include "server/rpc/convert/proto_time.h"
#include "server/rpc/convert/utf8_text.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/page_token.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

google::protobuf::Timestamp Timestamp(int64_t seconds, int32_t nanos) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(seconds);
  proto.set_nanos(nanos);
  return proto;
}

google::protobuf::Duration Duration(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration proto;
  proto.set_seconds(seconds);
  proto.set_nanos(nanos);
  return proto;
}

TEST(ProtoTime, TimestampsKeepNanosecondsBeforeAndAfter1970) {
  for (const absl::Time time :
       {absl::FromUnixSeconds(1'700'000'000) + absl::Nanoseconds(123'456'789),
        absl::FromUnixSeconds(-5) + absl::Nanoseconds(1)}) {
    google::protobuf::Timestamp proto;
    SetTimestamp(time, proto);
    EXPECT_EQ(*ToTime(proto, "t"), time);
    EXPECT_GE(proto.nanos(), 0);
  }
}

TEST(ProtoTime, TimesThatProtobufCannotHoldBecomeTheNearest) {
  google::protobuf::Timestamp proto;
  SetTimestamp(absl::InfiniteFuture(), proto);
  EXPECT_EQ(proto.seconds(), 253'402'300'799);
  SetTimestamp(absl::InfinitePast(), proto);
  EXPECT_EQ(proto.seconds(), -62'135'596'800);
}

TEST(ProtoTime, TimestampsOfAnyYearStayWhatTheyAre) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_GT(*ToTime(Timestamp(kMost, 0), "t"), absl::FromUnixSeconds(253'402'300'800));
  EXPECT_LT(*ToTime(Timestamp(-kMost, 0), "t"), absl::FromUnixSeconds(-62'135'596'800));
}

TEST(ProtoTime, TimestampsWithNanosecondsOutOfRangeAreRefusedWithTheField) {
  for (const auto& proto : {Timestamp(0, -1), Timestamp(0, 1'000'000'000)}) {
    const auto time = ToTime(proto, "job.run_at");
    EXPECT_EQ(time.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(time.status().message()), StartsWith("job.run_at: "));
  }
}

TEST(ProtoTime, DurationsKeepSignAndNanoseconds) {
  for (const absl::Duration duration :
       {absl::Nanoseconds(-1), absl::Seconds(-2) - absl::Nanoseconds(3),
        absl::Milliseconds(1500)}) {
    google::protobuf::Duration proto;
    SetDuration(duration, proto);
    EXPECT_EQ(*ToDuration(proto, "d"), duration);
  }
}

TEST(ProtoTime, DurationsThatAreNoneAreRefused) {
  for (const auto& proto : {Duration(1, -1), Duration(-1, 1), Duration(0, 1'000'000'000),
                            Duration(400'000'000'000, 0)}) {
    EXPECT_EQ(ToDuration(proto, "timeout").status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ProtoTime, AnInfiniteDurationBecomesTheLongest) {
  google::protobuf::Duration proto;
  SetDuration(absl::InfiniteDuration(), proto);
  EXPECT_EQ(proto.seconds(), 315'576'000'000);
}

TEST(Utf8Text, ValidTextStaysAsItIs) {
  const std::string text = "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80";
  EXPECT_EQ(ToUtf8Text(text), text);
}

TEST(Utf8Text, WhatIsNotUtf8IsReplaced) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(ToUtf8Text("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(ToUtf8Text("a\xC3"), "a" + bad);
  EXPECT_EQ(ToUtf8Text("\xC0\x80"), bad + bad);
  EXPECT_EQ(ToUtf8Text("\xED\xA0\x80"), bad + bad + bad);
  EXPECT_EQ(ToUtf8Text("\xF4\x90\x80\x80"), bad + bad + bad + bad);
}

TEST(GrpcStatus, CodesAndMessagesStayTheSame) {
  const grpc::Status status = ToGrpcStatus(absl::FailedPreconditionError("already running"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "already running");
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
}

TEST(GrpcStatus, ALongMessageIsCutBetweenCharacters) {
  std::string message(1999, 'a');
  for (int i = 0; i < 1000; ++i) message += "\xE2\x82\xAC";
  EXPECT_EQ(ToGrpcStatus(absl::InternalError(message)).error_message(),
            std::string(1999, 'a') + "...");
}

TEST(PageToken, ComesBackForTheSameFilter) {
  JobFilter filter;
  filter.states = {JobState::kReady};
  filter.queue_names = {"q"};
  EXPECT_EQ(*ParsePageToken(MakePageToken(42, filter), filter), 42);
}

TEST(PageToken, IsRefusedForAnotherFilter) {
  JobFilter filter;
  filter.task_identifiers = {"ab", "c"};
  JobFilter other;
  other.task_identifiers = {"a", "bc"};
  EXPECT_THAT(std::string(ParsePageToken(MakePageToken(42, filter), other).status().message()),
              StartsWith("page_token: "));
}

TEST(PageToken, WhatNobodyMadeIsRefused) {
  std::string changed = MakePageToken(42, {});
  changed[3] = changed[3] == 'A' ? 'B' : 'A';
  for (const std::string& token : {std::string("x"), std::string("42"), std::string(1'000'000, 'A'),
                                   std::string("\0\xFF", 2), changed}) {
    EXPECT_EQ(ParsePageToken(token, {}).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(JobProto, EveryFieldOfAJobIsSet) {
  JobDetails details;
  details.state = JobState::kHeld;
  details.worker_id = "w";
  details.last_error = "bad \xFF";
  details.finished_at = absl::FromUnixSeconds(3);
  details.job = {.id = 5,
                 .task_identifier = "t",
                 .payload = "{\"a\": 1}",
                 .priority = -3,
                 .attempt = 2,
                 .max_attempts = 9,
                 .queue_name = "q",
                 .run_at = absl::FromUnixSeconds(1),
                 .created_at = absl::FromUnixSeconds(2),
                 .flags = {"f", "g"},
                 .job_key = "k",
                 .correlation_id = "c",
                 .metadata = "{}"};
  v1::Job proto;
  SetJob(details, proto);
  EXPECT_EQ(proto.id(), 5);
  EXPECT_EQ(proto.task_identifier(), "t");
  EXPECT_EQ(proto.payload(), "{\"a\": 1}");
  EXPECT_EQ(proto.state(), v1::JOB_STATE_HELD);
  EXPECT_EQ(proto.priority(), -3);
  EXPECT_EQ(proto.attempt(), 2);
  EXPECT_EQ(proto.max_attempts(), 9);
  EXPECT_EQ(proto.queue_name(), "q");
  EXPECT_EQ(proto.run_at().seconds(), 1);
  EXPECT_EQ(proto.created_at().seconds(), 2);
  EXPECT_THAT(proto.flags(), ElementsAre("f", "g"));
  EXPECT_EQ(proto.job_key(), "k");
  EXPECT_EQ(proto.correlation_id(), "c");
  EXPECT_EQ(proto.metadata(), "{}");
  EXPECT_EQ(proto.finished_at().seconds(), 3);
  EXPECT_EQ(proto.last_error(), "bad \xEF\xBF\xBD");
  EXPECT_EQ(proto.worker_id(), "w");
}

TEST(JobProto, AnAttemptKeepsItsPartialSuccess) {
  Attempt attempt;
  attempt.attempt = 3;
  attempt.outcome = AttemptOutcome::kPartialSuccess;
  attempt.worker_id = "w";
  attempt.finished_at = absl::FromUnixSeconds(9);
  attempt.execution_time = absl::Milliseconds(1500);
  attempt.queue_time = absl::Seconds(2);
  attempt.error_message = "m";
  attempt.error_detail = "d";
  attempt.result = "7";
  attempt.partial_success = PartialSuccess{.completed_steps = {"a", "b"},
                                           .failed_steps = {"c"},
                                           .retry_from_step = "c",
                                           .results = "{}"};
  v1::Attempt proto;
  SetAttempt(attempt, proto);
  EXPECT_EQ(proto.outcome(), v1::ATTEMPT_OUTCOME_PARTIAL_SUCCESS);
  EXPECT_EQ(proto.execution_time().nanos(), 500'000'000);
  EXPECT_EQ(proto.queue_time().seconds(), 2);
  EXPECT_EQ(proto.result(), "7");
  EXPECT_THAT(proto.partial_success().completed_steps(), ElementsAre("a", "b"));
  EXPECT_THAT(proto.partial_success().failed_steps(), ElementsAre("c"));
  EXPECT_EQ(proto.partial_success().retry_from_step(), "c");
  EXPECT_EQ(proto.partial_success().results(), "{}");
}

TEST(EventProto, AMessageThatIsUsedAgainKeepsNothingOfTheEventBefore) {
  Event full;
  full.type = EventType::kJobPartialSuccess;
  full.data = JobEventData{
      .job_id = 1,
      .task_identifier = "t",
      .attempt = 1,
      .max_attempts = 2,
      .duration = absl::Seconds(1),
      .queue_time = absl::Seconds(2),
      .error = "e",
      .next_run_at = absl::FromUnixSeconds(5),
      .partial_success = std::make_shared<PartialSuccess>(PartialSuccess{.completed_steps = {"a"}}),
      .queue_name = "q",
      .flags = {"f"}};
  Event plain;
  plain.type = EventType::kJobCompleted;
  plain.data = JobEventData{.job_id = 2, .task_identifier = "t"};
  v1::Event used;
  SetEvent(full, used);
  EXPECT_EQ(used.job().next_run_at().seconds(), 5);
  EXPECT_THAT(used.job().partial_success().completed_steps(), ElementsAre("a"));
  EXPECT_THAT(used.job().flags(), ElementsAre("f"));
  SetEvent(plain, used);
  v1::Event fresh;
  SetEvent(plain, fresh);
  EXPECT_EQ(used.SerializeAsString(), fresh.SerializeAsString());
  EXPECT_FALSE(used.job().has_next_run_at());
}

TEST(EventProto, ErrorsOfHandlersBecomeUtf8) {
  Event event;
  event.type = EventType::kWorkerError;
  event.data = WorkerErrorData{.operation = "claim", .error = "\xFF"};
  v1::Event proto;
  SetEvent(event, proto);
  EXPECT_EQ(proto.type(), "worker/error");
  EXPECT_EQ(proto.worker_error().operation(), "claim");
  EXPECT_EQ(proto.worker_error().error(), "\xEF\xBF\xBD");
}

std::string SubscriptionFault(const v1::EventsRequest& request) {
  const auto subscription = ToEventSubscription(request, "me", 10);
  EXPECT_EQ(subscription.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(subscription.status().message());
}

TEST(EventsRequest, AnUnknownTypeIsRefusedAndTheKnownOnesAreNamed) {
  v1::EventsRequest request;
  request.add_types("job/failed");
  request.add_types("job/exploded" + std::string(1'000'000, '!'));
  const std::string fault = SubscriptionFault(request);
  EXPECT_THAT(fault, StartsWith("types[1]: "));
  EXPECT_THAT(fault, HasSubstr("job/partial-success"));
  EXPECT_LT(fault.size(), 1000u);
}

TEST(EventsRequest, BadNamesAndIdsAreRefusedWithTheField) {
  v1::EventsRequest task;
  task.add_task_identifiers("");
  EXPECT_THAT(SubscriptionFault(task), StartsWith("task_identifiers[0]: "));
  v1::EventsRequest id;
  id.add_job_ids(1);
  id.add_job_ids(0);
  EXPECT_THAT(SubscriptionFault(id), StartsWith("job_ids[1]: "));
  v1::EventsRequest incarnation;
  incarnation.set_incarnation(std::string(129, 'x'));
  EXPECT_THAT(SubscriptionFault(incarnation), StartsWith("incarnation: "));
  v1::EventsRequest queue;
  queue.add_queue_names("a\n");
  EXPECT_THAT(SubscriptionFault(queue), StartsWith("queue_names[0]: must be printable"));
  v1::EventsRequest flag;
  flag.add_flags("a");
  flag.add_flags(std::string(65, 'f'));
  EXPECT_EQ(SubscriptionFault(flag), "flags[1]: at most 64 bytes, got 65");
}

TEST(EventsRequest, TooManyValuesOfAKindAreRefusedWithTheField) {
  v1::EventsRequest types, tasks, jobs, queues, flags;
  for (int i = 0; i < 10'001; ++i) {
    types.add_types("job/failed");
    tasks.add_task_identifiers("t");
    jobs.add_job_ids(i + 1);
    queues.add_queue_names("q");
    flags.add_flags("f");
  }
  EXPECT_EQ(SubscriptionFault(types), "types: at most 10000, got 10001");
  EXPECT_EQ(SubscriptionFault(tasks), "task_identifiers: at most 10000, got 10001");
  EXPECT_EQ(SubscriptionFault(jobs), "job_ids: at most 10000, got 10001");
  EXPECT_EQ(SubscriptionFault(queues), "queue_names: at most 10000, got 10001");
  EXPECT_EQ(SubscriptionFault(flags), "flags: at most 10000, got 10001");
}

TEST(EventsRequest, AnUnknownOverflowIsRefused) {
  v1::EventsRequest request;
  request.set_overflow(static_cast<v1::EventOverflow>(3));
  EXPECT_EQ(SubscriptionFault(request), "overflow: there is no value 3");
  request.set_overflow(v1::EVENT_OVERFLOW_DISCONNECT);
  EXPECT_TRUE(ToEventSubscription(request, "me", 10)->end_on_overflow);
  request.set_overflow(v1::EVENT_OVERFLOW_GAP);
  EXPECT_FALSE(ToEventSubscription(request, "me", 10)->end_on_overflow);
}

TEST(EventsRequest, ASequenceThatHasNotComeIsRefused) {
  v1::EventsRequest request;
  request.set_after_sequence(11);
  EXPECT_THAT(SubscriptionFault(request), StartsWith("after_sequence: 11 has not come yet"));
  request.set_incarnation("another");
  EXPECT_EQ(ToEventSubscription(request, "me", 10)->begin,
            EventSubscription::Begin::kOtherIncarnation);
}

TEST(EventsRequest, ZeroMeansNowOrFromTheFirstEventOfANamedIncarnation) {
  v1::EventsRequest request;
  EXPECT_EQ(ToEventSubscription(request, "me", 10)->after_sequence, 10u);
  request.set_incarnation("me");
  EXPECT_EQ(ToEventSubscription(request, "me", 10)->after_sequence, 0u);
}

}  // namespace
}  // namespace millrace
