// The command `millrace` against the server, both as they are shipped; the server with tasks of
// tests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/e2e/command_process.h"
#include "tests/e2e/e2e_schema.h"
#include "tests/e2e/server_process.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CommandTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.WaitUntilReady()) << server_.output(); }

  CommandEnd Run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), {"--address", server_.grpc_address()});
    return RunToEnd(MILLRACE_COMMAND, arguments, input);
  }

  // The lines that it prints for programs; fails the test if it fails.
  std::vector<json> Ask(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), {"--output", "json"});
    const CommandEnd end = Run(arguments, input);
    EXPECT_EQ(end.exit_code, 0) << end.err;
    EXPECT_EQ(end.err, "");
    std::vector<json> lines;
    std::istringstream out(end.out);
    for (std::string line; std::getline(out, line);) lines.push_back(json::parse(line));
    return lines;
  }
  json AskOne(const std::vector<std::string>& arguments, const std::string& input = "") {
    const std::vector<json> lines = Ask(arguments, input);
    EXPECT_EQ(lines.size(), 1u);
    return lines.empty() ? json() : lines[0];
  }

  // Expects an exit code, nothing on standard output, and one line that says why.
  void ExpectRefusal(const std::vector<std::string>& arguments, int code,
                     const std::string& reason) {
    const CommandEnd end = Run(arguments);
    EXPECT_EQ(end.exit_code, code) << end.err;
    EXPECT_EQ(end.out, "");
    EXPECT_THAT(end.err, StartsWith("millrace: "));
    EXPECT_THAT(end.err, HasSubstr(reason));
    EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
  }

  // Adds a job and returns its number as text.
  std::string AddJob(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {"jobs", "add"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return AskOne(words)["job"]["id"].dump();
  }
  bool ComesTo(const std::string& job, const std::string& state) {
    return Eventually([&] { return AskOne({"jobs", "get", job})["job"]["state"] == state; });
  }

  E2eSchema schema_;
  ServerProcess server_{
      MILLRACE_E2E_SERVER,
      {"--database-url=" + schema_.url(), "--schema=" + schema_.name(), "--concurrency=3"}};
};

TEST_F(CommandTest, ThePoolIsStoppedAndStartedAndSaysWhatItIsDoing) {
  EXPECT_EQ(Run({"worker-id"}).out, server_.worker_id() + "\n");
  ExpectRefusal({"start"}, 5, "already running");
  const json stopped = AskOne({"stop"});
  EXPECT_EQ(stopped,
            json({{"finished", 0}, {"given_back", 0}, {"interrupted", 0}, {"still_running", 0}}));
  ExpectRefusal({"stop"}, 5, "not running");
  ExpectRefusal({"force-stop"}, 5, "not running");
  EXPECT_EQ(AskOne({"stats"})["running"], false);
  EXPECT_EQ(Run({"start"}).out, "started: 3 workers, worker id " + server_.worker_id() + "\n");
  const json stats = AskOne({"stats"});
  EXPECT_EQ(stats["running"], true);
  EXPECT_EQ(stats["concurrency"], 3);
  EXPECT_EQ(stats["worker_id"], server_.worker_id());
  EXPECT_THAT(Run({"stats"}).out, HasSubstr("0 of 3 workers"));
}

TEST_F(CommandTest, AJobIsAddedLookedAtAndListed) {
  const json added =
      AskOne({"jobs", "add", "noop", "-", "--priority", "7", "--correlation-id", "order 9"},
             R"({"n": 12345678901234567890})");
  EXPECT_EQ(added["result"], "created");
  const std::string id = added["job"]["id"].dump();
  ASSERT_TRUE(ComesTo(id, "completed"));
  const json answer = AskOne({"jobs", "get", id});
  const json& job = answer["job"];
  EXPECT_EQ(job["task_identifier"], "noop");
  EXPECT_EQ(job["payload"]["n"], 12345678901234567890U);
  EXPECT_EQ(job["priority"], 7);
  EXPECT_EQ(job["correlation_id"], "order 9");
  ASSERT_EQ(answer["attempts"].size(), 1u);
  EXPECT_EQ(answer["attempts"][0]["outcome"], "completed");
  EXPECT_EQ(answer["attempts"][0]["worker_id"], server_.worker_id());
  EXPECT_THAT(Run({"jobs", "get", id}).out, HasSubstr("completed"));

  const std::string failed = AddJob({"failing", "--max-attempts", "1"});
  ASSERT_TRUE(ComesTo(failed, "exhausted"));
  const std::vector<json> exhausted = Ask({"jobs", "list", "--state", "exhausted"});
  ASSERT_EQ(exhausted.size(), 1u);
  EXPECT_EQ(exhausted[0]["id"].dump(), failed);
  EXPECT_EQ(exhausted[0]["last_error"], "as always");
  EXPECT_EQ(Ask({"jobs", "list"}).size(), 2u);
  EXPECT_THAT(Run({"jobs", "list", "--task", "noop"}).out, HasSubstr(id));
}

TEST_F(CommandTest, ManyJobsAreAddedFromLinesAndAllOfThemRun) {
  std::string lines;
  for (int i = 0; i < 250; ++i)
    lines += R"({"task_identifier": "noop", "payload": {"n": 1}})"
             "\n";
  EXPECT_EQ(Ask({"jobs", "add-many"}, lines).size(), 250u);
  EXPECT_TRUE(Eventually([&] { return AskOne({"stats"})["completed"] == 250; }));
  EXPECT_EQ(Ask({"jobs", "list", "--all", "--state", "completed"}).size(), 250u);
}

TEST_F(CommandTest, ForceStopEndsWhatRunsAndTheJobRunsAgainAfterTheStart) {
  const std::string id = AddJob({"slow"});
  ASSERT_TRUE(Eventually([&] { return AskOne({"stats"})["active"] == 1; }));
  EXPECT_EQ(AskOne({"force-stop"})["asked"], 1);
  ASSERT_TRUE(Eventually([&] { return AskOne({"stats"})["running"] == false; }));
  const json answer = AskOne({"jobs", "get", id});
  EXPECT_EQ(answer["job"]["state"], "ready");
  EXPECT_EQ(answer["job"]["attempt"], 0);
  EXPECT_EQ(answer["attempts"][0]["outcome"], "interrupted");
  EXPECT_EQ(AskOne({"stats"})["interrupted"], 1);
  EXPECT_EQ(Run({"start"}).exit_code, 0);
  EXPECT_TRUE(Eventually([&] { return AskOne({"stats"})["active"] == 1; }));
}

TEST_F(CommandTest, StopReportsWhatItInterrupted) {
  AddJob({"slow"});
  ASSERT_TRUE(Eventually([&] { return AskOne({"stats"})["active"] == 1; }));
  const CommandEnd end = Run({"stop", "--timeout", "0s"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, "stopped: 0 finished, 0 given back, 1 interrupted, 0 still running\n");
}

TEST_F(CommandTest, TheEventsOfAJobCanBeReadFilteredAndFollowed) {
  const std::string good = AddJob({"noop"});
  const std::string bad = AddJob({"failing", "--max-attempts", "1"});
  ASSERT_TRUE(ComesTo(good, "completed") && ComesTo(bad, "exhausted"));
  const std::vector<json> all = Ask({"events", "--follow", "--after", "0", "--count", "3"});
  ASSERT_EQ(all.size(), 3u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i]["sequence"], i + 1);
  EXPECT_EQ(all[0]["type"], "pool/start");
  EXPECT_EQ(all[0]["pool"]["concurrency"], 3);
  const std::vector<json> of_bad = Ask({"events", "--job", bad});
  ASSERT_EQ(of_bad.size(), 1u);
  EXPECT_EQ(of_bad[0]["type"], "job/exhausted");
  EXPECT_EQ(of_bad[0]["job"]["error"], "as always");
  const std::vector<json> completed = Ask({"events", "--type", "job/completed"});
  ASSERT_EQ(completed.size(), 1u);
  EXPECT_EQ(completed[0]["job"]["job_id"].dump(), good);
  EXPECT_THAT(Run({"events", "--task", "noop"}).out, HasSubstr("job/completed"));
}

TEST_F(CommandTest, WhatIsWrongHasAnExitCodeAndOneLineThatSaysIt) {
  ExpectRefusal({"frobnicate"}, 2, "unknown command frobnicate");
  ExpectRefusal({"jobs", "list", "--state", "lost"}, 2, "--state");
  ExpectRefusal({"jobs", "add", "noop", "[]"}, 2, "payload");
  ExpectRefusal({"jobs", "add", ""}, 2, "task_identifier");
  ExpectRefusal({"jobs", "get", "42"}, 4, "42");
  ExpectRefusal({"events", "--type", "job/nonsense"}, 2, "--type");
  EXPECT_THAT(Ask({"jobs", "list"}), ElementsAre());
}

TEST_F(CommandTest, AnAnswerThatDoesNotComeInTimeHasAnExitCodeOfItsOwn) {
  server_.Signal(SIGSTOP);
  ExpectRefusal({"--timeout", "500ms", "stats"}, 6, "no answer");
  server_.Signal(SIGCONT);
  EXPECT_EQ(AskOne({"stats"})["running"], true);
}

TEST_F(CommandTest, AServerThatIsGoneCannotBeReached) {
  const std::string address = server_.grpc_address();
  server_.Signal(SIGTERM);
  ASSERT_EQ(server_.WaitForExit(), 0) << server_.output();
  ExpectRefusal({"stats"}, 3, "cannot reach a server at " + address);
}

}  // namespace
}  // namespace millrace
