#include <string>
#include <vector>

#include "client/output/event_output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"
#include "tests/unit/client/command_run.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::cli {
namespace {

using client::FakePool;
using client::WireBookmark;
using client::WireEvents;
using client::WireGap;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class EventsCommandTest : public testing::Test {
 protected:
  // A server "a" that has emitted events 1 to 6 and holds 3 to 6: those of "resize_image" up to 4,
  // then those of "ping". Streams stay open.
  EventsCommandTest() {
    server_.pool.on_events = [this](const v1::EventsRequest& request, FakePool::EventWriter& writer,
                                    grpc::ServerContext& context) {
      {
        MutexLock lock(mutex_);
        requests_.push_back(request);
      }
      if (request.incarnation().empty() && request.after_sequence() == 0) {
        writer.Write(WireBookmark("a", 6));
        writer.Write(WireEvents("a", 7, 8));
      } else {
        SendBuffered(request.after_sequence(), writer);
      }
      Mutex mutex;
      CondVar never;
      MutexLock lock(mutex);
      while (!context.IsCancelled()) never.WaitWithTimeout(mutex, absl::Milliseconds(5));
      return grpc::Status::CANCELLED;
    };
    server_.Start();
  }

  static void SendBuffered(uint64_t after, FakePool::EventWriter& writer) {
    writer.Write(WireBookmark("a", after));
    if (after < 2) writer.Write(WireGap("a", after + 1, 2, "evicted"));
    if (after < 4) writer.Write(WireEvents("a", std::max<uint64_t>(after + 1, 3), 4));
    if (after >= 6) return;
    v1::EventsResponse pings = WireEvents("a", std::max<uint64_t>(after + 1, 5), 6, "ping");
    v1::JobEvent& last = *pings.mutable_batch()->mutable_events()->rbegin()->mutable_job();
    last.set_queue_name("mail");
    last.add_flags("eu");
    writer.Write(pings);
  }

  CommandRun Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--address", server_.address(), "events"});
    return RunCommand(arguments);
  }

  std::vector<v1::EventsRequest> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }

  client::FakeServer server_;
  Mutex mutex_;
  std::vector<v1::EventsRequest> requests_;
};

TEST_F(EventsCommandTest, PrintsWhatTheServerHoldsAndEnds) {
  const CommandRun run = Run({});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out,
            "-- events 1 to 2 are missing (evicted) --\n"
            "09:46:40.000Z       3  job/completed       job 1003 resize_image, attempt 1/25\n"
            "09:46:40.000Z       4  job/completed       job 1004 resize_image, attempt 1/25\n"
            "09:46:40.000Z       5  job/completed       job 1005 ping, attempt 1/25\n"
            "09:46:40.000Z       6  job/completed       job 1006 ping, attempt 1/25, queue mail\n");
}

TEST_F(EventsCommandTest, PrintsOneJsonObjectPerLine) {
  const CommandRun run = Run({"--after", "4", "--output", "json", "--count", "1"});
  EXPECT_EQ(run.out,
            R"({"sequence":5,"type":"job/completed","emitted_at":"2024-07-03T09:46:40Z",)"
            R"("worker_id":"a","incarnation":"a","job":{"job_id":1005,"task_identifier":"ping",)"
            R"("attempt":1,"max_attempts":25,"duration":0,"queue_time":0,"error":"",)"
            R"("next_run_at":null,"queue_name":"","flags":[],"progress":null,)"
            R"("partial_success":null}})"
            "\n");
}

TEST_F(EventsCommandTest, ShowsGapsToPrograms) {
  EXPECT_THAT(Run({"--output", "json"}).out,
              HasSubstr(R"({"gap":{"first_missing":1,"last_missing":2,"reason":"evicted"},)"
                        R"("incarnation":"a"})"
                        "\n"));
}

TEST_F(EventsCommandTest, FiltersWhatTheServerHolds) {
  EXPECT_THAT(Run({"--task", "ping", "--after", "2"}).out,
              AllOf(HasSubstr("job 1005"), HasSubstr("job 1006"), Not(HasSubstr("job 1004"))));
  EXPECT_THAT(Run({"--job", "1004", "--after", "2"}).out,
              AllOf(HasSubstr("job 1004"), Not(HasSubstr("job 1005"))));
  EXPECT_EQ(Run({"--type", "job/failed", "--after", "2"}).out, "");
  EXPECT_THAT(Run({"--queue", "mail", "--after", "2"}).out,
              AllOf(HasSubstr("job 1006"), Not(HasSubstr("job 1005"))));
  EXPECT_THAT(Run({"--flag", "us", "--flag", "eu", "--after", "2"}).out,
              AllOf(HasSubstr("job 1006"), Not(HasSubstr("job 1005"))));
}

TEST_F(EventsCommandTest, FollowsFromNowOnAndEndsAtTheCount) {
  const CommandRun run = Run({"--follow", "--count", "2", "--type", "job/completed", "--task",
                              "resize_image", "--job", "1007", "--queue", "q", "--flag", "f"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("job 1007"), HasSubstr("job 1008")));
  const v1::EventsRequest request = requests().at(0);
  EXPECT_THAT(request.types(), testing::ElementsAre("job/completed"));
  EXPECT_THAT(request.task_identifiers(), testing::ElementsAre("resize_image"));
  EXPECT_THAT(request.job_ids(), testing::ElementsAre(1007));
  EXPECT_THAT(request.queue_names(), testing::ElementsAre("q"));
  EXPECT_THAT(request.flags(), testing::ElementsAre("f"));
}

TEST_F(EventsCommandTest, FollowsFromASequenceOn) {
  EXPECT_THAT(Run({"--follow", "--after", "5", "--incarnation", "a", "--count", "1"}).out,
              HasSubstr("job 1006"));
  EXPECT_EQ(requests().at(0).incarnation(), "a");
}

TEST_F(EventsCommandTest, EndsAtAnOverflowIfItWasAskedToAndSaysHowToGoOn) {
  server_.pool.on_events = [](const v1::EventsRequest& request, FakePool::EventWriter& writer,
                              grpc::ServerContext&) {
    EXPECT_EQ(request.overflow(), v1::EVENT_OVERFLOW_DISCONNECT);
    writer.Write(WireEvents("a", 7, 8));
    writer.Write(WireBookmark("a", 9));
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too slow");
  };
  const CommandRun run = Run({"--follow", "--overflow", "disconnect"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("job 1008"));
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("go on with --after 9 --incarnation a"), HasSubstr("too slow")));
}

TEST_F(EventsCommandTest, FollowsFromTheOldestForAfterZero) {
  EXPECT_THAT(Run({"--follow", "--after", "0", "--count", "1"}).out,
              HasSubstr("events 1 to 2 are missing"));
  EXPECT_EQ(requests().at(1).incarnation(), "a");
}

TEST(EventsFailureTest, AServerThatIsNotThereIsNotWaitedFor) {
  client::FakeServer server;
  for (const char* const argument : {"--follow", "--after=0"}) {
    const CommandRun run = RunCommand({"--address", server.address(), "events", argument});
    EXPECT_EQ(run.code, 3);
    EXPECT_THAT(run.err, StartsWith("millrace: cannot reach a server at unix:"));
  }
}

TEST(EventLineTest, SendsNothingHostileToATerminal) {
  client::FeedEvent event;
  event.type = "job/\x1b[2J";
  event.data = JobEventData{.job_id = 1, .task_identifier = "t\r", .error = "a\nb\x07"};
  const std::string line = EventLine(event, false);
  EXPECT_THAT(line, HasSubstr("job/\\x1b[2J"));
  EXPECT_THAT(line, HasSubstr("job 1 t\\r"));
  EXPECT_THAT(line, HasSubstr(": a\\nb\\x07"));
  EXPECT_EQ(line.find_first_of("\x1b\r\n\x07"), std::string::npos);
}

TEST(EventLineTest, TellsWhatMattersOfAFailure) {
  client::FeedEvent event;
  event.sequence = 12;
  event.type = "job/failed";
  event.emitted_at = absl::FromUnixSeconds(1'720'000'000);
  event.data = JobEventData{.job_id = 7,
                            .task_identifier = "resize_image",
                            .attempt = 2,
                            .max_attempts = 25,
                            .duration = absl::Milliseconds(12),
                            .queue_time = absl::Seconds(3),
                            .error = "no such file",
                            .next_run_at = absl::FromUnixSeconds(1'720'000'060)};
  EXPECT_EQ(
      EventLine(event, false),
      "09:46:40.000Z      12  job/failed          job 7 resize_image, attempt 2/25, ran 12 ms, "
      "waited 3 s, again at 2024-07-03 09:47:40Z: no such file");
}

}  // namespace
}  // namespace millrace::cli
