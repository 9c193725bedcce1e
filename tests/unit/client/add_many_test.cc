#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/command_run.h"
#include "tests/unit/client/fake_server.h"

namespace millrace::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class AddManyTest : public testing::Test {
 protected:
  AddManyTest() {
    server_.queue.on_add_jobs = [this](const v1::AddJobsRequest& request,
                                       v1::AddJobsResponse* response) {
      calls_.push_back(request);
      if (!answer_.ok() && calls_.size() >= failing_call_) return answer_;
      for (int i = 0; i < request.jobs_size(); ++i) {
        v1::AddedJob& job = *response->add_jobs();
        job.set_id(++last_id_);
        job.set_result(v1::ADD_RESULT_CREATED);
      }
      return grpc::Status::OK;
    };
    server_.Start();
  }

  CommandRun Run(const std::string& input, std::vector<std::string> arguments = {},
                 TerminalLook look = {}) {
    arguments.insert(arguments.begin(), {"--address", server_.address(), "jobs", "add-many"});
    return RunCommand(arguments, input, look);
  }

  static std::string Lines(int count) {
    std::string lines;
    for (int i = 1; i <= count; ++i) {
      lines += "{\"task_identifier\":\"t\",\"payload\":{\"n\":" + std::to_string(i) + "}}\n";
    }
    return lines;
  }

  client::FakeServer server_;
  std::vector<v1::AddJobsRequest> calls_;
  grpc::Status answer_;
  size_t failing_call_ = 0;
  int64_t last_id_ = 0;
};

TEST_F(AddManyTest, AddsAThousandLinesWithACall) {
  const CommandRun run = Run(Lines(2500));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "added 2500 jobs: 2500 created, 0 updated, 0 existing\n");
  ASSERT_THAT(calls_, SizeIs(3));
  EXPECT_EQ(calls_[0].jobs_size(), 1000);
  EXPECT_EQ(calls_[2].jobs_size(), 500);
  EXPECT_EQ(calls_[2].jobs(499).payload(), "{\"n\":2500}");
}

TEST_F(AddManyTest, SkipsEmptyLinesAndTakesLinesOfWindows) {
  const CommandRun run = Run("\r\n  \n{\"task_identifier\":\"t\"}\r\n\n");
  EXPECT_EQ(run.code, 0) << run.err;
  ASSERT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(calls_[0].jobs_size(), 1);
}

TEST_F(AddManyTest, PrintsALinePerJobForPrograms) {
  EXPECT_EQ(Run("\n" + Lines(2), {"--output", "json"}).out,
            "{\"line\":2,\"id\":1,\"result\":\"created\"}\n"
            "{\"line\":3,\"id\":2,\"result\":\"created\"}\n");
}

TEST_F(AddManyTest, NeverNamesAKeyTwiceInACall) {
  const CommandRun run =
      Run("{\"task_identifier\":\"t\",\"job_key\":\"a\"}\n{\"task_identifier\":\"t\"}\n"
          "{\"task_identifier\":\"u\",\"job_key\":\"a\"}\n");
  EXPECT_EQ(run.code, 0) << run.err;
  ASSERT_THAT(calls_, SizeIs(2));
  EXPECT_EQ(calls_[0].jobs_size(), 2);
  EXPECT_EQ(calls_[1].jobs(0).task_identifier(), "u");
}

TEST_F(AddManyTest, KeepsCallsSmallWhenPayloadsAreLarge) {
  const std::string large =
      "{\"task_identifier\":\"t\",\"payload\":{\"x\":\"" + std::string(900'000, 'x') + "\"}}\n";
  const CommandRun run = Run(large + large + large);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(calls_, SizeIs(2));
}

TEST_F(AddManyTest, ABadLineIsNamedAndWhatStandsBeforeItIsAdded) {
  const CommandRun run = Run(Lines(3) + "{\"task\":\"t\"}\n" + Lines(1));
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(last_id_, 3);
  EXPECT_THAT(run.err, HasSubstr("3 jobs were added; go on with --from-line 4\n"));
  EXPECT_THAT(run.err, HasSubstr("line 4: task: a job has no such field"));
}

TEST_F(AddManyTest, AJobThatTheServerRefusesIsNamedByItsLine) {
  answer_ = grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "jobs[7].payload: nested too deep");
  failing_call_ = 2;
  const CommandRun run = Run(Lines(1500));
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("1000 jobs were added; go on with --from-line 1001\n"));
  EXPECT_THAT(run.err, HasSubstr("line 1008: payload: nested too deep\n"));
}

TEST_F(AddManyTest, SaysWhichLinesMayHaveBeenAddedWhenTheServerIsLost) {
  answer_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database is away");
  failing_call_ = 2;
  const CommandRun run = Run(Lines(1500));
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("1000 jobs were added; lines 1001 to 1500 may have been added all "
                                 "the same; go on with --from-line 1001\n"));
}

TEST_F(AddManyTest, GoesOnFromALine) {
  EXPECT_EQ(Run(Lines(5), {"--from-line", "4"}).code, 0);
  ASSERT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(calls_[0].jobs(0).payload(), "{\"n\":4}");
}

TEST_F(AddManyTest, CountsOnATerminal) {
  EXPECT_THAT(Run(Lines(2000), {}, {.err_is_terminal = true}).err,
              HasSubstr("\r1000 jobs added\r2000 jobs added"));
  EXPECT_EQ(Run(Lines(2)).err, "");
}

TEST_F(AddManyTest, AnEmptyInputAddsNothing) {
  const CommandRun run = Run("");
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "added 0 jobs: 0 created, 0 updated, 0 existing\n");
  EXPECT_THAT(calls_, SizeIs(0));
}

}  // namespace
}  // namespace millrace::cli
