// How far a handler is, as the command shows it.

#include <sstream>

#include "client/library/convert.h"
#include "client/output/event_output.h"
#include "client/output/job_output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::JobProgress WireProgress() {
  v1::JobProgress progress;
  progress.set_percent(42.5);
  progress.set_message("reading");
  (*progress.mutable_counters())["rows"] = 1200;
  return progress;
}

JobDetails ShownJob() {
  v1::Job proto;
  proto.set_id(7);
  proto.set_task_identifier("t");
  proto.set_state(v1::JOB_STATE_HELD);
  *proto.mutable_progress() = WireProgress();
  proto.mutable_progress()->mutable_reported_at()->set_seconds(1'000'000'000);
  return *client::FromProto(std::move(proto));
}

TEST(ProgressOutputTest, AJobShowsItWithItsAge) {
  std::ostringstream out;
  WriteJob({ShownJob(), {}}, absl::FromUnixSeconds(1'000'000'003), 100, false, out);
  EXPECT_THAT(out.str(), HasSubstr("42.5% reading (1200 rows), 3s ago\n"));
}

TEST(ProgressOutputTest, AJobWithoutAnyShowsNone) {
  std::ostringstream out;
  WriteJob({JobDetails(), {}}, absl::FromUnixSeconds(1'000'000'003), 100, false, out);
  EXPECT_THAT(out.str(), Not(HasSubstr("progress")));
  EXPECT_THAT(JobJson(JobDetails()).Text(), HasSubstr(R"("progress":null})"));
}

TEST(ProgressOutputTest, ProgramsGetItsParts) {
  EXPECT_THAT(
      JobJson(ShownJob()).Text(),
      HasSubstr(R"("progress":{"percent":42.5,"message":"reading","counters":{"rows":1200},)"
                R"("reported_at":"2001-09-09T01:46:40Z"}})"));
}

TEST(ProgressOutputTest, AnEventShowsIt) {
  v1::Event proto;
  proto.set_type("job/progress");
  proto.mutable_job()->set_job_id(7);
  *proto.mutable_job()->mutable_progress() = WireProgress();
  const client::FeedEvent event = client::FromProto(std::move(proto));
  EXPECT_THAT(EventLine(event, false), HasSubstr("42.5% reading (1200 rows)"));
  EXPECT_THAT(
      EventJson(event, "w").Text(),
      HasSubstr(R"("progress":{"percent":42.5,"message":"reading","counters":{"rows":1200}})"));
}

}  // namespace
}  // namespace millrace::cli
