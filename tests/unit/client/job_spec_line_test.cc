#include "client/cli/job_spec_line.h"

#include <string>

#include "client/cli/job_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

std::string FaultOf(std::string_view line) {
  const absl::StatusOr<JobSpec> spec = ParseJobSpecLine(line);
  return spec.ok() ? "" : std::string(spec.status().message());
}

TEST(JobSpecLineTest, ReadsEveryField) {
  const absl::StatusOr<JobSpec> spec = ParseJobSpecLine(
      R"({"task_identifier":"t","payload":{"a":[1,"}"]},"queue_name":"q",)"
      R"("run_at":"2024-07-03T09:46:40Z","priority":-5,"max_attempts":3,"job_key":"k",)"
      R"("job_key_mode":"unsafe_dedupe","flags":["x","y"],"correlation_id":"c","metadata":{}})");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->task_identifier, "t");
  EXPECT_EQ(spec->payload, R"({"a":[1,"}"]})");
  EXPECT_EQ(spec->queue_name, "q");
  EXPECT_EQ(spec->run_at, absl::FromUnixSeconds(1'720'000'000));
  EXPECT_EQ(spec->priority, -5);
  EXPECT_EQ(spec->max_attempts, 3);
  EXPECT_EQ(spec->job_key, "k");
  EXPECT_EQ(spec->job_key_mode, JobKeyMode::kUnsafeDedupe);
  EXPECT_THAT(spec->flags, ElementsAre("x", "y"));
  EXPECT_EQ(spec->correlation_id, "c");
  EXPECT_EQ(spec->metadata, "{}");
}

TEST(JobSpecLineTest, KeepsEveryDigitOfThePayload) {
  EXPECT_EQ(ParseJobSpecLine(R"({"payload": {"n": 0.10000000000000000000001}})")->payload,
            R"({"n": 0.10000000000000000000001})");
}

TEST(JobSpecLineTest, TakesAPayloadThatIsTextToo) {
  EXPECT_EQ(ParseJobSpecLine(R"({"payload": "{\"a\": 1}"})")->payload, R"({"a": 1})");
}

TEST(JobSpecLineTest, TakesNullForLeftOut) {
  const absl::StatusOr<JobSpec> spec =
      ParseJobSpecLine(R"({"metadata": null, "max_attempts": null})");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->metadata, "");
  EXPECT_EQ(spec->max_attempts, std::nullopt);
}

TEST(JobSpecLineTest, NamesTheFieldThatIsWrong) {
  EXPECT_THAT(FaultOf(R"({"task_identifier": 7})"), StartsWith("task_identifier: "));
  EXPECT_THAT(FaultOf(R"({"payload": [1]})"), StartsWith("payload: "));
  EXPECT_THAT(FaultOf(R"({"priority": 1.5})"), StartsWith("priority: "));
  EXPECT_THAT(FaultOf(R"({"priority": 18446744073709551615})"), StartsWith("priority: "));
  EXPECT_THAT(FaultOf(R"({"priority": -9223372036854775808})"), StartsWith("priority: "));
  EXPECT_THAT(FaultOf(R"({"flags": ["a", 1]})"), StartsWith("flags: "));
  EXPECT_THAT(FaultOf(R"({"run_at": "soon"})"), StartsWith("run_at: "));
  EXPECT_THAT(FaultOf(R"({"job_key_mode": "REPLACE"})"), StartsWith("job_key_mode: "));
}

TEST(JobSpecLineTest, NamesAFieldThatDoesNotExist) {
  EXPECT_THAT(FaultOf(R"({"task": "x"})"), StartsWith("task: a job has no such field"));
}

TEST(JobSpecLineTest, RefusesAFieldThatComesTwice) {
  EXPECT_THAT(FaultOf(R"({"job_key": "a", "job\u005fkey": "b"})"), StartsWith("not valid JSON"));
}

TEST(JobSpecLineTest, RefusesWhatIsNoJsonObject) {
  for (const char* const line :
       {"", "[]", "7", "{", "}", R"({"a")", R"({"a":})", R"({"a":1)", R"({"a":1,})", R"({"a":1}x)",
        R"({"a":{})", R"({"a":"})", R"({a:1})", R"({"a" 1})", R"({"payload":"\)"}) {
    EXPECT_THAT(FaultOf(line), StartsWith("not valid JSON at byte ")) << line;
  }
}

TEST(WithLineTest, PutsTheLineInPlaceOfTheIndex) {
  EXPECT_EQ(WithLine("jobs[1].payload: must be a JSON object", {7, 12}),
            "line 12: payload: must be a JSON object");
}

TEST(WithLineTest, LeavesOtherMessagesAsTheyAre) {
  EXPECT_EQ(WithLine("jobs: at most 10000", {7}), "jobs: at most 10000");
  EXPECT_EQ(WithLine("jobs[9].payload: bad", {7}), "jobs[9].payload: bad");
  EXPECT_EQ(WithLine("jobs[x].payload: bad", {7}), "jobs[x].payload: bad");
}

}  // namespace
}  // namespace millrace::cli
