// What waits for the ends of jobs: the library and the commands.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/library/job_queue_client.h"
#include "client/library/job_wait.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "tests/unit/client/command_run.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::cli {
namespace {

using client::FakePool;
using client::FakeServer;
using client::WireBookmark;
using client::WireEvents;
using client::WireJob;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const grpc::Status kAway(grpc::StatusCode::UNAVAILABLE, "server is shutting down");

class WaitCommandsTest : public testing::Test {
 protected:
  // Answers of WaitJob, one after the other; the last one again and again.
  using Answer = std::function<grpc::Status(const v1::WaitJobRequest&, v1::WaitJobResponse*)>;
  void Serve(std::vector<Answer> answers) {
    server_.queue.on_wait_job = [this, answers](const v1::WaitJobRequest& request,
                                                v1::WaitJobResponse* response) {
      const size_t number = waits_++;
      return answers[std::min(number, answers.size() - 1)](request, response);
    };
    server_.queue.on_add_job = [](const v1::AddJobRequest& request, v1::AddJobResponse* response) {
      *response->mutable_job() = WireJob(42, request.job().task_identifier());
      response->set_result(v1::ADD_RESULT_CREATED);
      return grpc::Status::OK;
    };
    server_.Start();
  }
  static Answer Ended(v1::JobState state, v1::AttemptOutcome outcome, const std::string& error,
                      const std::string& result = "") {
    return [=](const v1::WaitJobRequest& request, v1::WaitJobResponse* response) {
      *response->mutable_job() = WireJob(request.id(), "send_email");
      response->mutable_job()->set_state(state);
      response->set_finished(true);
      response->mutable_last_attempt()->set_outcome(outcome);
      response->mutable_last_attempt()->set_error_message(error);
      response->mutable_last_attempt()->set_result(result);
      return grpc::Status::OK;
    };
  }
  static Answer Completed() {
    return Ended(v1::JOB_STATE_COMPLETED, v1::ATTEMPT_OUTCOME_COMPLETED, "", R"({"n": 1})");
  }
  static grpc::Status NotEnded(const v1::WaitJobRequest& request, v1::WaitJobResponse* response) {
    *response->mutable_job() = WireJob(request.id(), "send_email");
    response->mutable_job()->set_state(v1::JOB_STATE_HELD);
    return grpc::Status::OK;
  }
  static grpc::Status Away(const v1::WaitJobRequest&, v1::WaitJobResponse*) { return kAway; }

  client::Connection& Connect() {
    client::ClientOptions options;
    options.address = server_.address();
    connection_ = client::Connection::Create(options).value();
    return *connection_;
  }
  CommandRun Run(std::vector<std::string> arguments, TerminalLook look = {}) {
    arguments.insert(arguments.begin(), {"--address", server_.address()});
    return RunCommand(arguments, "", look);
  }

  std::atomic<size_t> waits_ = 0;
  FakeServer server_;
  std::unique_ptr<client::Connection> connection_;
};

TEST_F(WaitCommandsTest, TheLibraryAsksAgainUntilTheJobHasEnded) {
  // So does a server that ends break calls off.
  const auto cancelled = [](const v1::WaitJobRequest&, v1::WaitJobResponse*) {
    return grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED");
  };
  Serve({Away, NotEnded, cancelled, Completed()});
  const auto job = client::JobQueueClient(Connect()).WaitJob(42, absl::InfiniteDuration());
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_TRUE(job->finished);
  EXPECT_EQ(job->job.state, JobState::kCompleted);
  EXPECT_EQ(job->last_attempt->result, R"({"n": 1})");
  EXPECT_EQ(waits_, 4);
}

TEST_F(WaitCommandsTest, TheLibraryReturnsTheJobAsItStandsAtTheTimeout) {
  Serve({NotEnded});
  const auto job = client::JobQueueClient(Connect()).WaitJob(42, absl::ZeroDuration());
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_FALSE(job->finished);
  EXPECT_EQ(job->job.state, JobState::kHeld);
}

TEST_F(WaitCommandsTest, TheLibraryGivesUpAtTheTimeoutWhenTheServerIsAway) {
  Serve({Away});
  const auto job = client::JobQueueClient(Connect()).WaitJob(42, absl::Milliseconds(300));
  EXPECT_EQ(job.status().ToString(), "UNAVAILABLE: server is shutting down");
  EXPECT_GT(waits_, 1);
}

TEST_F(WaitCommandsTest, TheLibraryDoesNotRepeatWhatWasRefused) {
  Serve({[](const v1::WaitJobRequest&, v1::WaitJobResponse*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no job has the id 42");
  }});
  const auto job = client::JobQueueClient(Connect()).WaitJob(42, absl::InfiniteDuration());
  EXPECT_TRUE(absl::IsNotFound(job.status())) << job.status();
  EXPECT_EQ(waits_, 1);
}

TEST_F(WaitCommandsTest, AWaitOfTheLibraryCanBeCancelled) {
  Mutex mutex;
  CondVar changed;
  bool asked = false;
  Serve({[&](const v1::WaitJobRequest&, v1::WaitJobResponse*) {
    MutexLock lock(mutex);
    asked = true;
    changed.NotifyAll();
    return kAway;
  }});
  SystemClock clock;
  client::JobWait wait(Connect(), clock, 42, {});
  std::thread canceller([&] {
    MutexLock lock(mutex);
    while (!asked) changed.Wait(mutex);
    wait.Cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(wait.Run(absl::InfiniteDuration()).status()));
  canceller.join();
}

TEST_F(WaitCommandsTest, JobsWaitSaysHowAJobHasEndedAndItsExitCodeToo) {
  Serve({Completed(), Ended(v1::JOB_STATE_EXHAUSTED, v1::ATTEMPT_OUTCOME_FAILED, "no such host"),
         Ended(v1::JOB_STATE_CANCELLED, v1::ATTEMPT_OUTCOME_CANCELLED, "not wanted"), NotEnded});
  const CommandRun completed = Run({"jobs", "wait", "7"});
  EXPECT_EQ(completed.out, "job 7 (send_email): completed: {\"n\": 1}\n");
  EXPECT_EQ(completed.code, 0);
  const CommandRun exhausted = Run({"jobs", "wait", "7"});
  EXPECT_EQ(exhausted.out, "job 7 (send_email): exhausted: no such host\n");
  EXPECT_EQ(exhausted.code, 7);
  const CommandRun cancelled = Run({"jobs", "wait", "7"});
  EXPECT_EQ(cancelled.out, "job 7 (send_email): cancelled: not wanted\n");
  EXPECT_EQ(cancelled.code, 8);
  const CommandRun not_ended = Run({"jobs", "wait", "7", "--timeout", "0"});
  EXPECT_EQ(not_ended.out, "job 7 (send_email): held: has not ended\n");
  EXPECT_EQ(not_ended.code, 9);
}

TEST_F(WaitCommandsTest, OfSeveralJobsTheExitCodeSaysTheWorst) {
  Serve({Ended(v1::JOB_STATE_CANCELLED, v1::ATTEMPT_OUTCOME_CANCELLED, "not wanted"),
         Ended(v1::JOB_STATE_EXHAUSTED, v1::ATTEMPT_OUTCOME_FAILED, "no such host"), Completed()});
  EXPECT_EQ(Run({"jobs", "wait", "7", "8", "9"}).code, 7);
  EXPECT_EQ(waits_, 3);
}

TEST_F(WaitCommandsTest, ASupersededJobNamesItsSuccessor) {
  Serve({[](const v1::WaitJobRequest& request, v1::WaitJobResponse* response) {
    Ended(v1::JOB_STATE_CANCELLED, v1::ATTEMPT_OUTCOME_CANCELLED, "superseded")(request, response);
    response->set_successor_id(43);
    return grpc::Status::OK;
  }});
  EXPECT_EQ(Run({"jobs", "wait", "7"}).out,
            "job 7 (send_email): cancelled: superseded; job 43 has its key now\n");
}

TEST_F(WaitCommandsTest, JobsWaitForProgramsIsOneObject) {
  Serve({Completed()});
  const CommandRun run = Run({"--output", "json", "jobs", "wait", "7"});
  EXPECT_THAT(run.out, StartsWith("{\"finished\":true,\"job\":{\"id\":7,"));
  EXPECT_THAT(run.out, HasSubstr("\"result\":{\"n\": 1}"));
  EXPECT_THAT(run.out, HasSubstr(",\"successor_id\":0}\n"));
}

TEST_F(WaitCommandsTest, JobsWaitWithoutAServerGivesUpAfterAFewTries) {
  const CommandRun run = Run({"jobs", "wait", "7"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("cannot reach a server at "));
}

TEST_F(WaitCommandsTest, JobsAddWithWaitSaysWhatWasAddedAndHowItEnded) {
  Serve({Ended(v1::JOB_STATE_EXHAUSTED, v1::ATTEMPT_OUTCOME_FAILED, "no such host")});
  const CommandRun run = Run({"jobs", "add", "send_email", "--wait"});
  EXPECT_EQ(run.out,
            "created job 42 (send_email): ready\njob 42 (send_email): exhausted: no such host\n");
  EXPECT_EQ(run.code, 7);
}

class RunCommandTest : public WaitCommandsTest {
 protected:
  // Somebody presses Ctrl-C while the command waits.
  static grpc::Status Interrupt(const v1::WaitJobRequest& request, v1::WaitJobResponse* response) {
    kill(getpid(), SIGINT);
    return NotEnded(request, response);
  }

  // A feed that brings these events of the job once they are asked for, and then stays open.
  void ServeEvents(std::vector<v1::EventsResponse> messages) {
    server_.pool.on_events = [this, messages](const v1::EventsRequest& request,
                                              FakePool::EventWriter& writer,
                                              grpc::ServerContext& context) {
      if (request.job_ids().empty()) {
        writer.Write(WireBookmark("a", 6));
      } else {
        EXPECT_THAT(request.job_ids(), ElementsAre(42));
        EXPECT_EQ(request.after_sequence(), 6);
        for (const v1::EventsResponse& message : messages) writer.Write(message);
        MutexLock lock(mutex_);
        events_sent_ = true;
      }
      Mutex mutex;
      CondVar never;
      MutexLock lock(mutex);
      while (!context.IsCancelled()) never.WaitWithTimeout(mutex, absl::Milliseconds(5));
      return grpc::Status::CANCELLED;
    };
  }
  // A state that is looked for whenever the feed is silent.
  void ServeHeldJob(double percent = 0) {
    server_.queue.on_get_job = [this, percent](const v1::GetJobRequest& request,
                                               v1::GetJobResponse* response) {
      v1::Job& job = *response->mutable_job() = WireJob(request.id(), "send_email");
      job.set_state(v1::JOB_STATE_HELD);
      job.set_worker_id("w-2");
      if (percent > 0) job.mutable_progress()->set_percent(percent);
      MutexLock lock(mutex_);
      if (events_sent_) ++looks_;
      changed_.NotifyAll();
      return grpc::Status::OK;
    };
  }
  // When everything was shown: at the second look, what was sent before the first has come.
  grpc::Status CompletedOnceAllIsShown(const v1::WaitJobRequest& request,
                                       v1::WaitJobResponse* response) {
    MutexLock lock(mutex_);
    while (looks_ < 2) changed_.Wait(mutex_);
    looks_ = 0;
    events_sent_ = false;
    return Completed()(request, response);
  }

  Mutex mutex_;
  CondVar changed_;
  bool events_sent_ ABSL_GUARDED_BY(mutex_) = false;
  int looks_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(RunCommandTest, TheResultAloneGoesToStandardOutput) {
  ServeEvents({});
  Serve({Completed()});
  const CommandRun run = Run({"run", "send_email", "{}"});
  EXPECT_EQ(run.out, "{\"n\": 1}\n");
  EXPECT_THAT(run.err, HasSubstr("created job 42\n"));
  EXPECT_THAT(run.err, HasSubstr("job 42 (send_email): completed\n"));
  EXPECT_EQ(run.code, 0);
}

TEST_F(RunCommandTest, ExitCodesSayHowTheJobHasEnded) {
  ServeEvents({});
  Serve({Ended(v1::JOB_STATE_EXHAUSTED, v1::ATTEMPT_OUTCOME_FAILED, "no such host"),
         Ended(v1::JOB_STATE_CANCELLED, v1::ATTEMPT_OUTCOME_CANCELLED, "not wanted"), NotEnded});
  const CommandRun exhausted = Run({"run", "send_email"});
  EXPECT_EQ(exhausted.code, 7);
  EXPECT_EQ(exhausted.out, "");
  EXPECT_THAT(exhausted.err, HasSubstr("job 42 (send_email): exhausted: no such host\n"));
  EXPECT_EQ(Run({"run", "send_email"}).code, 8);
  EXPECT_EQ(Run({"run", "send_email", "--timeout", "1ms"}).code, 9);
}

TEST_F(RunCommandTest, ForProgramsTheWholeEndIsOneObject) {
  ServeEvents({});
  Serve({Completed()});
  EXPECT_THAT(Run({"--output", "json", "run", "send_email"}).out,
              StartsWith("{\"finished\":true,\"job\":{\"id\":42,"));
}

TEST_F(RunCommandTest, EventsAndTheStateAreToldOnTheWay) {
  v1::EventsResponse failed = WireEvents("a", 7, 7, "send_email");
  failed.mutable_batch()->mutable_events(0)->set_type("job/failed");
  failed.mutable_batch()->mutable_events(0)->mutable_job()->set_error("busy");
  ServeEvents({WireBookmark("a", 6), failed});
  ServeHeldJob();
  Serve({[this](const auto& request, auto* response) {
    return CompletedOnceAllIsShown(request, response);
  }});
  const CommandRun plain = Run({"run", "send_email"});
  EXPECT_THAT(plain.err, HasSubstr("job/failed"));
  EXPECT_THAT(plain.err, HasSubstr("busy\n"));
  EXPECT_THAT(plain.err, HasSubstr("job 42: held by w-2, attempt 0/25\n"));
  const CommandRun drawn = Run({"run", "send_email"}, {.width = 60, .err_is_terminal = true});
  EXPECT_THAT(drawn.err, HasSubstr("job/failed: busy"));
  EXPECT_THAT(drawn.err, HasSubstr("\r\x1b[Kjob 42: held by w-2, attempt 0/25"));
  EXPECT_THAT(drawn.err, HasSubstr("\r\x1b[Kjob 42 (send_email): completed\n"));
}

TEST_F(RunCommandTest, ProgressIsABarOnATerminalAndLinesElsewhere) {
  v1::EventsResponse progress = WireEvents("a", 7, 7, "send_email");
  v1::Event& event = *progress.mutable_batch()->mutable_events(0);
  event.set_type("job/progress");
  event.mutable_job()->mutable_progress()->set_percent(50);
  event.mutable_job()->mutable_progress()->set_message("half");
  ServeEvents({progress});
  // Where another server runs the job, the state alone tells of it.
  ServeHeldJob(75);
  Serve({[this](const auto& request, auto* response) {
    return CompletedOnceAllIsShown(request, response);
  }});
  const CommandRun drawn = Run({"run", "send_email"}, {.width = 60, .err_is_terminal = true});
  EXPECT_THAT(drawn.err, HasSubstr("\r\x1b[Kjob 42 [############------------] 50% half"));
  EXPECT_THAT(drawn.err, HasSubstr("\r\x1b[Kjob 42 [##################------] 75%"));
  const CommandRun plain = Run({"run", "send_email"});
  EXPECT_THAT(plain.err, HasSubstr("job 42: 50% half\n"));
  EXPECT_THAT(plain.err, HasSubstr("job 42: 75%\n"));
}

TEST_F(RunCommandTest, CtrlCSaysWhichJobGoesOn) {
  ServeEvents({});
  Serve({Interrupt, NotEnded});
  const CommandRun run = Run({"run", "send_email"});
  EXPECT_EQ(run.code, 128 + SIGINT);
  EXPECT_THAT(run.err, HasSubstr("job 42 goes on without this command; see its end with: millrace "
                                 "jobs wait 42\n"));
  EXPECT_EQ(run.out, "");
}

TEST_F(RunCommandTest, CtrlCCancelsTheJobWhereThatWasAskedFor) {
  server_.queue.on_cancel_jobs = [](const v1::CancelJobsRequest& request,
                                    v1::CancelJobsResponse* response) {
    EXPECT_THAT(request.ids(), ElementsAre(42));
    response->add_results(v1::CANCEL_RESULT_REQUESTED);
    return grpc::Status::OK;
  };
  ServeEvents({});
  Serve({Interrupt, NotEnded});
  const CommandRun run = Run({"run", "send_email", "--cancel-on-interrupt"});
  EXPECT_EQ(run.code, 128 + SIGINT);
  EXPECT_THAT(run.err, HasSubstr("job 42: requested\n"));
}

TEST_F(RunCommandTest, WithoutAServerNothingIsAdded) {
  const CommandRun run = Run({"run", "send_email"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, "");
}

}  // namespace
}  // namespace millrace::cli
