#include "server/model/job_admission.h"

#include "gtest/gtest.h"

namespace millrace {
namespace {

TEST(JobAdmissionTest, FillsInTheServersNumberOfAttempts) {
  const JobAdmission admission{{}, 7};
  JobSpec without{.task_identifier = "t"};
  EXPECT_EQ(admission.Admit(without, "job"), absl::OkStatus());
  EXPECT_EQ(without.max_attempts, 7);
  std::vector<JobSpec> specs = {{.task_identifier = "t", .max_attempts = 3},
                                {.task_identifier = "t"}};
  EXPECT_EQ(admission.Admit(specs), absl::OkStatus());
  EXPECT_EQ(specs[0].max_attempts, 3);
  EXPECT_EQ(specs[1].max_attempts, 7);
}

TEST(JobAdmissionTest, RefusesWhatTheServersLimitsDoNotAllow) {
  const JobAdmission admission{{.payload_bytes = 10}};
  JobSpec large{.task_identifier = "t", .payload = R"({"a": "bcdefgh"})"};
  EXPECT_EQ(admission.Admit(large, "job").message(), "job.payload: at most 10 bytes, got 16");
  std::vector<JobSpec> specs = {{.task_identifier = "t"}, large};
  EXPECT_EQ(admission.Admit(specs).message(), "jobs[1].payload: at most 10 bytes, got 16");
  std::vector<JobSpec> none;
  EXPECT_EQ(admission.Admit(none).message(), "jobs: must not be empty");
}

TEST(JobAdmissionTest, AJobIsDueUnlessItHasATimeOrWasThereBefore) {
  const JobSpec now{.task_identifier = "t"};
  const JobSpec later{.task_identifier = "t", .run_at = absl::UnixEpoch()};
  EXPECT_TRUE(HasDueJob({later, now}, {{1, AddResult::kCreated}, {2, AddResult::kUpdated}}));
  EXPECT_FALSE(HasDueJob({later, now}, {{1, AddResult::kCreated}, {2, AddResult::kExisting}}));
}

}  // namespace
}  // namespace millrace
