#include "server/model/job_spec.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using std::string_literals::operator""s;

JobSpec Valid() {
  JobSpec spec;
  spec.task_identifier = "send_email";
  return spec;
}

// The message for a valid spec that was changed so; empty if it is still valid.
std::string FaultOf(const std::function<void(JobSpec&)>& change) {
  JobSpec spec = Valid();
  change(spec);
  const absl::Status status = ValidateJobSpec(spec, JobLimits(), "job");
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  }
  return std::string(status.message());
}

TEST(JobSpecTest, SpecWithATaskAloneIsValid) {
  EXPECT_EQ(ValidateJobSpec(Valid(), JobLimits(), "job"), absl::OkStatus());
}

TEST(JobSpecTest, SpecAtEveryLimitIsValid) {
  JobSpec spec = Valid();
  spec.task_identifier = std::string(128, 'x');
  spec.payload = "{\"a\":\"" + std::string(1024 * 1024 - 8, 'x') + "\"}";
  spec.priority = -32768;
  spec.max_attempts = 32767;
  spec.run_at = absl::FromCivil(absl::CivilDay(2200, 12, 31), absl::UTCTimeZone());
  spec.flags = std::vector<std::string>(32, std::string(64, 'f'));
  spec.metadata = "{}";
  EXPECT_EQ(ValidateJobSpec(spec, JobLimits(), "job"), absl::OkStatus());
}

TEST(JobSpecTest, BadTaskIdentifierIsNamed) {
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.task_identifier = ""; }),
            "job.task_identifier: must not be empty");
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.task_identifier = std::string(1024 * 1024, 'x'); }),
            "job.task_identifier: at most 128 bytes, got 1048576");
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.task_identifier = "a\0b"s; }),
            "job.task_identifier: must be printable UTF-8");
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.task_identifier = "\xC0\xAF"; }),
            "job.task_identifier: must be printable UTF-8");
}

TEST(JobSpecTest, OtherNamesAreCheckedAlikeWhereTheyAreGiven) {
  const std::string bad = "two\nlines";
  EXPECT_THAT(FaultOf([&](JobSpec& s) { s.queue_name = bad; }), StartsWith("job.queue_name: "));
  EXPECT_THAT(FaultOf([&](JobSpec& s) { s.job_key = bad; }), StartsWith("job.job_key: "));
  EXPECT_THAT(FaultOf([&](JobSpec& s) { s.correlation_id = bad; }),
              StartsWith("job.correlation_id: "));
}

TEST(JobSpecTest, PayloadMustBeAJsonObject) {
  EXPECT_THAT(FaultOf([](JobSpec& s) { s.payload = "[1]"; }),
              StartsWith("job.payload: must be a JSON object"));
  EXPECT_THAT(FaultOf([](JobSpec& s) { s.payload = "{"; }),
              StartsWith("job.payload: not valid JSON"));
  EXPECT_THAT(FaultOf([](JobSpec& s) { s.payload = "{\"a\":\"\\u0000\"}"; }), HasSubstr("jsonb"));
}

TEST(JobSpecTest, DeepPayloadIsRefused) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100; ++i) deep += "[";
  EXPECT_THAT(FaultOf([&](JobSpec& s) { s.payload = deep; }), HasSubstr("nested deeper than 100"));
}

TEST(JobSpecTest, LargePayloadIsRefusedByTheLimitThatIsSet) {
  JobSpec spec = Valid();
  spec.payload = "{\"a\": 1}";
  JobLimits limits;
  limits.payload_bytes = 7;
  EXPECT_EQ(ValidateJobSpec(spec, limits, "job"),
            absl::InvalidArgumentError("job.payload: at most 7 bytes, got 8"));
}

TEST(JobSpecTest, NumbersOutOfRangeAreNamed) {
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.priority = 32768; }),
            "job.priority: must be -32768 to 32767, got 32768");
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.max_attempts = 0; }),
            "job.max_attempts: must be 1 to 32767, got 0");
}

TEST(JobSpecTest, AbsurdTimesAreRefused) {
  for (const absl::Time time : {absl::InfiniteFuture(), absl::InfinitePast(),
                                absl::FromCivil(absl::CivilYear(300'000), absl::UTCTimeZone()),
                                absl::FromCivil(absl::CivilYear(2201), absl::UTCTimeZone()),
                                absl::FromCivil(absl::CivilYear(1969), absl::UTCTimeZone())}) {
    EXPECT_THAT(FaultOf([&](JobSpec& s) { s.run_at = time; }), StartsWith("job.run_at: "));
  }
}

TEST(JobSpecTest, ModeNeedsAKey) {
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.job_key_mode = JobKeyMode::kReplace; }),
            "job.job_key_mode: needs a job_key");
  EXPECT_EQ(FaultOf([](JobSpec& s) {
              s.job_key = "k";
              s.job_key_mode = JobKeyMode::kUnsafeDedupe;
            }),
            "");
}

TEST(JobSpecTest, FlagsAreLimited) {
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.flags.assign(33, "f"); }),
            "job.flags: at most 32 flags, got 33");
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.flags = {"ok", std::string(65, 'f')}; }),
            "job.flags[1]: at most 64 bytes, got 65");
  EXPECT_EQ(FaultOf([](JobSpec& s) { s.flags = {""}; }), "job.flags[0]: must not be empty");
}

TEST(JobSpecTest, MetadataIsLimited) {
  const std::string large = "{\"a\":\"" + std::string(16 * 1024, 'x') + "\"}";
  EXPECT_THAT(FaultOf([&](JobSpec& s) { s.metadata = large; }),
              StartsWith("job.metadata: at most 16384 bytes"));
  EXPECT_THAT(FaultOf([](JobSpec& s) { s.metadata = "1"; }), StartsWith("job.metadata: "));
}

TEST(JobSpecsTest, FaultNamesTheJob) {
  EXPECT_EQ(ValidateJobSpecs({Valid(), JobSpec()}, JobLimits()),
            absl::InvalidArgumentError("jobs[1].task_identifier: must not be empty"));
}

TEST(JobSpecsTest, EmptyCallIsRefused) {
  EXPECT_EQ(ValidateJobSpecs({}, JobLimits()),
            absl::InvalidArgumentError("jobs: must not be empty"));
}

TEST(JobSpecsTest, TooManyJobsAreRefused) {
  EXPECT_EQ(ValidateJobSpecs(std::vector<JobSpec>(10'001, Valid()), JobLimits()),
            absl::InvalidArgumentError("jobs: at most 10000 per call, got 10001"));
  EXPECT_EQ(ValidateJobSpecs(std::vector<JobSpec>(10'000, Valid()), JobLimits()), absl::OkStatus());
}

TEST(JobSpecsTest, OneKeyTwiceIsRefused) {
  std::vector<JobSpec> specs(3, Valid());
  specs[0].job_key = "k";
  specs[2].job_key = "k";
  EXPECT_EQ(ValidateJobSpecs(specs, JobLimits()),
            absl::InvalidArgumentError("jobs[2].job_key: is that of jobs[0] already"));
}

}  // namespace
}  // namespace millrace
