#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gate.h"
#include "tests/unit/client/command_run.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::cli {
namespace {

using client::FakeServer;
using client::WireJob;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CommandsTest : public testing::Test {
 protected:
  CommandRun Run(std::vector<std::string> arguments, const std::string& input = "",
                 TerminalLook look = {}) {
    arguments.insert(arguments.begin(), {"--address", server_.address()});
    return RunCommand(arguments, input, look);
  }

  // One job, with everything that can be hostile.
  void ServeHostileJob() {
    server_.queue.on_get_job = [](const v1::GetJobRequest& request, v1::GetJobResponse* response) {
      v1::Job& job = *response->mutable_job();
      job = WireJob(request.id(), "t\x1b[2J");
      job.set_payload(
          "{\"a\": \"\xc2\x9b"
          "31m\"}");
      job.set_last_error("bad\nid  999\r\x1b]0;owned\x07");
      v1::Attempt& attempt = *response->add_attempts();
      attempt.set_attempt(1);
      attempt.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
      attempt.set_error_message("\x1b[31mred\xe2\x80\xae");
      return grpc::Status::OK;
    };
    server_.Start();
  }

  // Calls of the server may wait at it.
  Gate gate_;
  FakeServer server_;
};

TEST_F(CommandsTest, StartPrintsTheWorkerId) {
  server_.pool.on_start = [](v1::StartResponse* response) {
    response->set_worker_id("w-1");
    response->set_concurrency(10);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"start"}).out, "started: 10 workers, worker id w-1\n");
  EXPECT_EQ(Run({"start", "--output", "json"}).out, "{\"worker_id\":\"w-1\",\"concurrency\":10}\n");
}

TEST_F(CommandsTest, StartOfARunningPoolHasAnExitCodeOfItsOwn) {
  server_.pool.on_start = [](v1::StartResponse*) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "already running");
  };
  server_.Start();
  const CommandRun run = Run({"start"});
  EXPECT_EQ(run.code, 5);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "millrace: already running\n");
}

TEST_F(CommandsTest, StopTakesATimeoutOfItsOwn) {
  server_.pool.on_stop = [](const v1::StopRequest& request, v1::StopResponse* response) {
    EXPECT_EQ(request.timeout().seconds(), 30);
    response->set_finished(3);
    response->set_given_back(2);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"--timeout", "5s", "stop", "--timeout", "30s"}).out,
            "stopped: 3 finished, 2 given back, 0 interrupted, 0 still running\n");
}

TEST_F(CommandsTest, TheTimeoutOfTheCallHoldsForAStopWhichGoesOn) {
  server_.pool.on_stop = [this](const v1::StopRequest&, v1::StopResponse*) {
    gate_.Pass();
    return grpc::Status::OK;
  };
  server_.Start();
  for (const std::vector<std::string>& stop :
       {std::vector<std::string>{"stop"}, {"stop", "--timeout", "30s"}}) {
    std::vector<std::string> arguments = {"--timeout", "200ms"};
    arguments.insert(arguments.end(), stop.begin(), stop.end());
    const CommandRun run = Run(arguments);
    EXPECT_EQ(run.code, 6);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, AllOf(HasSubstr("within 200 ms"),
                               HasSubstr("the stop goes on at the server if it has begun")));
  }
  gate_.Open();
}

TEST_F(CommandsTest, ForceStopPrintsHowManyWereAsked) {
  server_.pool.on_force_stop = [](v1::ForceStopResponse* response) {
    response->set_asked(1);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"force-stop"}).out, "asked 1 running job to stop\n");
  EXPECT_EQ(Run({"force-stop", "--output=json"}).out, "{\"asked\":1}\n");
}

TEST_F(CommandsTest, WorkerIdPrintsNothingElse) {
  server_.pool.on_worker_id = [](v1::WorkerIdResponse* response) {
    response->set_worker_id("w-1");
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"worker-id"}).out, "w-1\n");
}

TEST_F(CommandsTest, StatsShowsStateAndCounters) {
  server_.pool.on_stats = [](v1::StatsResponse* response) {
    response->set_worker_id("w-1");
    response->set_pool_name("host");
    response->set_running(true);
    response->set_concurrency(10);
    response->set_active(3);
    response->set_completed(12345678901);
    response->mutable_running_since()->set_seconds(1'719'999'820);
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun people = Run({"stats"});
  EXPECT_THAT(people.out, HasSubstr("state        running since 2024-07-03 09:43:40Z (3m ago)\n"));
  EXPECT_THAT(people.out, HasSubstr("active       3 of 10 workers\n"));
  EXPECT_EQ(
      Run({"stats", "--output", "json"}).out,
      R"({"worker_id":"w-1","pool_name":"host","running":true,"stopping":false,)"
      R"("concurrency":10,"active":3,"buffered":0,"completed":12345678901,"failed":0,"errors":0,"claimed":0,)"
      R"("given_back":0,"stale_returned":0,"interrupted":0,"stuck":0,)"
      R"("running_since":"2024-07-03T09:43:40Z","task_identifiers":[],"forbidden_flags":[]})"
      "\n");
}

TEST_F(CommandsTest, StatsOfAPoolThatStopsSaySo) {
  server_.pool.on_stats = [](v1::StatsResponse* response) {
    response->set_running(true);
    response->set_stopping(true);
    response->mutable_running_since()->set_seconds(1'719'999'820);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_THAT(Run({"stats"}).out,
              HasSubstr("state        stopping, last started 2024-07-03 09:43:40Z (3m ago)\n"));
  EXPECT_THAT(Run({"stats", "--output", "json"}).out,
              HasSubstr(R"("running":true,"stopping":true)"));
}

TEST_F(CommandsTest, JobsAddSendsEveryOption) {
  v1::JobSpec got;
  server_.queue.on_add_job = [&got](const v1::AddJobRequest& request,
                                    v1::AddJobResponse* response) {
    got = request.job();
    *response->mutable_job() = WireJob(42, request.job().task_identifier());
    response->set_result(v1::ADD_RESULT_CREATED);
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun run = Run({"jobs",
                              "add",
                              "send_email",
                              R"({"to": "a"})",
                              "--queue",
                              "q",
                              "--run-at",
                              "+10m",
                              "--priority",
                              "-5",
                              "--max-attempts",
                              "3",
                              "--key",
                              "k",
                              "--key-mode",
                              "unsafe_dedupe",
                              "--flag",
                              "[x,y]",
                              "--flag",
                              "z",
                              "--correlation-id",
                              "c",
                              "--metadata",
                              "{}"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "created job 42 (send_email): ready\n");
  EXPECT_EQ(got.payload(), R"({"to": "a"})");
  EXPECT_EQ(got.queue_name(), "q");
  EXPECT_EQ(got.run_at().seconds(), 1'720'000'600);
  EXPECT_EQ(got.priority(), -5);
  EXPECT_EQ(got.max_attempts(), 3);
  EXPECT_EQ(got.job_key(), "k");
  EXPECT_EQ(got.job_key_mode(), v1::JOB_KEY_MODE_UNSAFE_DEDUPE);
  EXPECT_THAT(got.flags(), testing::ElementsAre("[x,y]", "z"));
  EXPECT_EQ(got.correlation_id(), "c");
  EXPECT_EQ(got.metadata(), "{}");
}

TEST_F(CommandsTest, JobsAddTakesATaskThatIsNamedLikeACommand) {
  std::string task;
  server_.queue.on_add_job = [&task](const v1::AddJobRequest& request,
                                     v1::AddJobResponse* response) {
    task = request.job().task_identifier();
    *response->mutable_job() = WireJob(1, task);
    response->set_result(v1::ADD_RESULT_CREATED);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"jobs", "add", "stats"}).code, 0);
  EXPECT_EQ(task, "stats");
}

TEST_F(CommandsTest, JobsAddReadsThePayloadFromStandardInput) {
  std::string payload;
  server_.queue.on_add_job = [&payload](const v1::AddJobRequest& request,
                                        v1::AddJobResponse* response) {
    payload = request.job().payload();
    *response->mutable_job() = WireJob(1, "t");
    response->set_result(v1::ADD_RESULT_EXISTING);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"jobs", "add", "t", "-"}, "{\n\"a\": 1}\n").out, "existing job 1 (t): ready\n");
  EXPECT_EQ(payload, "{\n\"a\": 1}\n");
}

TEST_F(CommandsTest, AValueThatTheServerRefusesIsBadUsage) {
  server_.queue.on_add_job = [](const v1::AddJobRequest&, v1::AddJobResponse*) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "job.payload: must be a JSON object");
  };
  server_.Start();
  const CommandRun run = Run({"jobs", "add", "t", "[]"});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.err, "millrace: job.payload: must be a JSON object\n");
}

TEST_F(CommandsTest, JobsGetOfNoJobHasAnExitCodeOfItsOwn) {
  server_.queue.on_get_job = [](const v1::GetJobRequest&, v1::GetJobResponse*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no job has the id 7");
  };
  server_.Start();
  EXPECT_EQ(Run({"jobs", "get", "7"}).code, 4);
}

TEST_F(CommandsTest, JobsGetSendsNothingHostileToATerminal) {
  ServeHostileJob();
  const CommandRun run = Run({"jobs", "get", "7"}, "", {.colors = false});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(run.out, Not(HasSubstr("\r")));
  EXPECT_THAT(run.out, Not(HasSubstr("\x07")));
  EXPECT_THAT(run.out, Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(run.out, HasSubstr("task        t\\x1b[2J\n"));
  EXPECT_THAT(run.out, HasSubstr("last error  bad\\nid  999\\r\\x1b]0;owned\\x07\n"));
  EXPECT_THAT(run.out, HasSubstr("\\x1b[31mred\\u{202e}"));
}

TEST_F(CommandsTest, JobsGetPrintsOneJsonObjectOnOneLine) {
  ServeHostileJob();
  const CommandRun run = Run({"jobs", "get", "7", "--output", "json"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 1);
  EXPECT_THAT(run.out, StartsWith(R"({"job":{"id":7,"task_identifier":"t\u001b[2J",)"
                                  R"("payload":{"a": "\u009b31m"},"state":"ready",)"));
  EXPECT_THAT(run.out, HasSubstr(R"("attempts":[{"attempt":1,"outcome":"failed",)"));
}

TEST_F(CommandsTest, AMessageOfTheServerCannotWriteToTheTerminal) {
  server_.queue.on_get_job = [](const v1::GetJobRequest&, v1::GetJobResponse*) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "a\x1b[2Jb\nc");
  };
  server_.Start();
  const CommandRun run = Run({"jobs", "get", "7"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.err, "millrace: a\\x1b[2Jb\\nc\n");
}

TEST_F(CommandsTest, JobsCancelSaysWhatBecameOfEachJob) {
  server_.queue.on_cancel_jobs = [](const v1::CancelJobsRequest& request,
                                    v1::CancelJobsResponse* response) {
    EXPECT_THAT(request.ids(), testing::ElementsAre(7, 8));
    EXPECT_EQ(request.reason(), "not wanted");
    response->add_results(v1::CANCEL_RESULT_CANCELLED);
    response->add_results(v1::CANCEL_RESULT_REQUESTED);
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun run = Run({"jobs", "cancel", "7", "8", "--reason", "not wanted"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out,
            "cancelled job 7\n"
            "asked the pool that holds job 8 to stop it; it is cancelled unless it completes\n");
  EXPECT_EQ(Run({"jobs", "cancel", "7", "8", "--reason", "not wanted", "--output", "json"}).out,
            "{\"id\":7,\"result\":\"cancelled\"}\n{\"id\":8,\"result\":\"requested\"}\n");
}

TEST_F(CommandsTest, JobsCancelHasExitCodesForJobsThatHadEndedOrDoNotExist) {
  server_.queue.on_cancel_jobs = [](const v1::CancelJobsRequest& request,
                                    v1::CancelJobsResponse* response) {
    for (const int64_t id : request.ids()) {
      response->add_results(id == 7 ? v1::CANCEL_RESULT_ENDED_BEFORE : v1::CANCEL_RESULT_NOT_FOUND);
    }
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun ended = Run({"jobs", "cancel", "7"});
  EXPECT_EQ(ended.code, 5);
  EXPECT_EQ(ended.out, "job 7 had ended before, and stays as it is\n");
  EXPECT_EQ(ended.err, "millrace: 1 of 1 jobs had ended before\n");
  const CommandRun unknown = Run({"jobs", "cancel", "7", "8"});
  EXPECT_EQ(unknown.code, 4);
  EXPECT_EQ(unknown.err, "millrace: 1 of 2 jobs do not exist\n");
}

TEST_F(CommandsTest, JobsFailSaysWhatBecameOfEachJob) {
  server_.queue.on_permanently_fail_jobs = [](const v1::PermanentlyFailJobsRequest& request,
                                              v1::PermanentlyFailJobsResponse* response) {
    EXPECT_EQ(request.reason(), "no use");
    for (const int64_t id : request.ids()) {
      response->add_results(id == 7   ? v1::FAIL_RESULT_FAILED
                            : id == 8 ? v1::FAIL_RESULT_REQUESTED
                                      : v1::FAIL_RESULT_BEING_CANCELLED);
    }
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun run = Run({"jobs", "fail", "7", "8", "--reason", "no use"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out,
            "failed job 7 for good: it is exhausted\n"
            "asked the pool that holds job 8 to stop it; it is exhausted unless it completes\n");
  const CommandRun left = Run({"jobs", "fail", "7", "9", "--reason", "no use", "--output", "json"});
  EXPECT_EQ(left.code, 5);
  EXPECT_EQ(left.out,
            "{\"id\":7,\"result\":\"failed\"}\n{\"id\":9,\"result\":\"being_cancelled\"}\n");
  EXPECT_EQ(left.err, "millrace: 1 of 2 jobs are being cancelled\n");
}

TEST_F(CommandsTest, JobsResetOverdueSaysHowManyWereFreed) {
  server_.queue.on_reset_overdue_jobs = [](v1::ResetOverdueJobsResponse* response) {
    response->set_freed(2);
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"jobs", "reset-overdue"}).out, "freed 2 jobs\n");
  EXPECT_EQ(Run({"jobs", "reset-overdue", "--output", "json"}).out, "{\"freed\":2}\n");
}

class JobsListTest : public CommandsTest {
 protected:
  // Jobs 1 to `count`, newest first, in pages of at most 3.
  void ServeJobs(int64_t count) {
    server_.queue.on_list_jobs = [count](const v1::ListJobsRequest& request,
                                         v1::ListJobsResponse* response) {
      int64_t id = request.page_token().empty() ? count : std::stoll(request.page_token());
      for (int i = 0; i < 3 && i < request.page_size() && id > 0; ++i, --id) {
        *response->add_jobs() = WireJob(id, "t");
      }
      if (id > 0) response->set_next_page_token(std::to_string(id));
      return grpc::Status::OK;
    };
    server_.Start();
  }
};

TEST_F(JobsListTest, PrintsATable) {
  ServeJobs(2);
  EXPECT_EQ(Run({"jobs", "list"}).out,
            "ID  STATE  TASK  QUEUE  PRI  ATTEMPT  RUN AT                         LAST ERROR\n"
            " 2  ready  t              0     0/25  2024-07-03 09:45:40Z (1m ago)\n"
            " 1  ready  t              0     0/25  2024-07-03 09:45:40Z (1m ago)\n");
}

TEST_F(JobsListTest, PrintsANarrowTableOnANarrowScreen) {
  ServeJobs(1);
  EXPECT_EQ(Run({"jobs", "list"}, "", {.width = 80}).out,
            "ID  STATE  TASK  QUEUE  PRI  ATTEMPT  RUN AT  LAST ERROR\n"
            " 1  ready  t              0     0/25  1m ago\n");
}

TEST_F(JobsListTest, StopsAtTheLimitAndSaysThatThereAreMore) {
  ServeJobs(10);
  const CommandRun run = Run({"jobs", "list", "--limit", "4", "--output", "json"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 4);
  EXPECT_THAT(run.err, HasSubstr("there are more than these 4"));
}

TEST_F(JobsListTest, SaysNothingIfTheLimitIsJustEnough) {
  ServeJobs(4);
  const CommandRun run = Run({"jobs", "list", "--limit", "4"});
  EXPECT_EQ(run.err, "");
}

TEST_F(JobsListTest, GoesOverAllPages) {
  ServeJobs(250);
  const CommandRun run = Run({"jobs", "list", "--all", "--output", "json"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 250);
  EXPECT_THAT(run.out, HasSubstr("{\"id\":1,"));
}

TEST_F(JobsListTest, GoesOverPagesWithoutJobs) {
  server_.queue.on_list_jobs = [](const v1::ListJobsRequest& request,
                                  v1::ListJobsResponse* response) {
    const int page = request.page_token().empty() ? 1 : std::stoi(request.page_token());
    if (page == 3) *response->add_jobs() = WireJob(1, "t");
    if (page < 5) response->set_next_page_token(std::to_string(page + 1));
    return grpc::Status::OK;
  };
  server_.Start();
  const CommandRun run = Run({"jobs", "list", "--output", "json"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 1);
  EXPECT_THAT(run.out, HasSubstr("{\"id\":1,"));
  EXPECT_EQ(run.err, "");
}

TEST_F(JobsListTest, SaysThatThereIsNone) {
  ServeJobs(0);
  const CommandRun run = Run({"jobs", "list"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "millrace: no job matches\n");
}

TEST_F(JobsListTest, SendsItsFilter) {
  v1::ListJobsRequest got;
  server_.queue.on_list_jobs = [&got](const v1::ListJobsRequest& request, v1::ListJobsResponse*) {
    got = request;
    return grpc::Status::OK;
  };
  server_.Start();
  EXPECT_EQ(Run({"jobs", "list", "--state", "queued_behind", "--state", "held", "--task", "t",
                 "--queue", "q"})
                .code,
            0);
  EXPECT_THAT(got.states(), testing::ElementsAre(v1::JOB_STATE_QUEUED_BEHIND, v1::JOB_STATE_HELD));
  EXPECT_THAT(got.task_identifiers(), testing::ElementsAre("t"));
  EXPECT_THAT(got.queue_names(), testing::ElementsAre("q"));
}

TEST_F(CommandsTest, AServerThatIsNotThereIsToldWithTheWayToMendIt) {
  const CommandRun run = Run({"stats"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, StartsWith("millrace: cannot reach a server at unix:"));
  EXPECT_THAT(run.err, HasSubstr("MILLRACE_ADDRESS"));
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1);
}

TEST_F(CommandsTest, AServerWithoutItsDatabaseIsToldInItsOwnWords) {
  server_.pool.on_stats = [](v1::StatsResponse*) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database is away");
  };
  server_.Start();
  const CommandRun run = Run({"stats"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.err, "millrace: the database is away\n");
}

TEST_F(CommandsTest, AnAnswerThatDoesNotComeInTimeHasAnExitCodeOfItsOwn) {
  server_.pool.on_stats = [](v1::StatsResponse*) {
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "too late");
  };
  server_.Start();
  const CommandRun run = Run({"stats", "--timeout", "2s"});
  EXPECT_EQ(run.code, 6);
  EXPECT_THAT(run.err, HasSubstr("within 2 s: give it more time with --timeout"));
}

TEST_F(CommandsTest, AJobWhoseAnswerDoesNotComeInTimeMayHaveBeenAdded) {
  server_.queue.on_add_job = [](const v1::AddJobRequest&, v1::AddJobResponse*) {
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "too late");
  };
  server_.Start();
  const CommandRun run = Run({"jobs", "add", "t"});
  EXPECT_EQ(run.code, 6);
  EXPECT_THAT(run.err, HasSubstr("--timeout; the job may have been added all the same\n"));
}

}  // namespace
}  // namespace millrace::cli
