// What operators do to jobs through the service.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JobOperationsTest : public RpcFixture {
 protected:
  grpc::Status Cancel(const std::vector<int64_t>& ids, const std::string& reason,
                      v1::CancelJobsResponse* response = nullptr) {
    v1::CancelJobsRequest request;
    request.mutable_ids()->Add(ids.begin(), ids.end());
    request.set_reason(reason);
    v1::CancelJobsResponse unread;
    return jobs().CancelJobs(NewContext().get(), request, response == nullptr ? &unread : response);
  }
  grpc::Status Fail(const std::vector<int64_t>& ids, const std::string& reason,
                    v1::PermanentlyFailJobsResponse& response) {
    v1::PermanentlyFailJobsRequest request;
    request.mutable_ids()->Add(ids.begin(), ids.end());
    request.set_reason(reason);
    return jobs().PermanentlyFailJobs(NewContext().get(), request, &response);
  }
  grpc::Status Get(int64_t id, v1::GetJobResponse* response) {
    v1::GetJobRequest request;
    request.set_id(id);
    return jobs().GetJob(NewContext().get(), request, response);
  }
};

TEST_F(JobOperationsTest, CancelJobsSaysWhatBecameOfEach) {
  for (const auto& [id, state] : {std::pair(1, JobState::kReady), std::pair(2, JobState::kHeld),
                                  std::pair(3, JobState::kCompleted)}) {
    JobDetails details;
    details.job.id = id;
    details.state = state;
    store_.Put(details);
  }
  v1::CancelJobsResponse response;
  ASSERT_EQ(ToText(Cancel({2, 1, 9, 3}, "not wanted", &response)), "OK");
  EXPECT_THAT(response.results(),
              ElementsAre(v1::CANCEL_RESULT_REQUESTED, v1::CANCEL_RESULT_CANCELLED,
                          v1::CANCEL_RESULT_NOT_FOUND, v1::CANCEL_RESULT_ENDED_BEFORE));
  v1::GetJobResponse held;
  ASSERT_EQ(ToText(Get(2, &held)), "OK");
  EXPECT_EQ(held.job().cancel_reason(), "not wanted");
}

TEST_F(JobOperationsTest, CancelJobsWithoutAReasonHasOne) {
  JobDetails details;
  details.job.id = 1;
  store_.Put(details);
  ASSERT_EQ(ToText(Cancel({1}, "")), "OK");
  EXPECT_EQ(store_.GetJob(1)->last_error, "cancelled by an operator");
}

TEST_F(JobOperationsTest, CancelJobsRefusesBadRequestsAndChangesNothing) {
  JobDetails details;
  details.job.id = 1;
  store_.Put(details);
  EXPECT_THAT(ToText(Cancel({1, 0}, "")), HasSubstr("INVALID_ARGUMENT: ids[1]: must be 1 to"));
  EXPECT_THAT(ToText(Cancel({1, 2, 1}, "")), HasSubstr("INVALID_ARGUMENT: ids[2]: 1 comes twice"));
  EXPECT_THAT(ToText(Cancel({1}, std::string(1025, 'r'))),
              HasSubstr("INVALID_ARGUMENT: reason: at most 1024 bytes, got 1025"));
  EXPECT_THAT(ToText(Cancel({1}, "a\nb")),
              HasSubstr("INVALID_ARGUMENT: reason: must be printable"));
  EXPECT_THAT(ToText(Cancel(std::vector<int64_t>(10'001, 1), "")),
              HasSubstr("INVALID_ARGUMENT: ids: at most 10000, got 10001"));
  EXPECT_EQ(store_.GetJob(1)->state, JobState::kReady);
}

TEST_F(JobOperationsTest, NoIdsMeanNoJobs) {
  v1::CancelJobsResponse cancelled;
  EXPECT_EQ(ToText(Cancel({}, "", &cancelled)), "OK");
  EXPECT_EQ(cancelled.results_size(), 0);
  v1::PermanentlyFailJobsResponse failed;
  EXPECT_EQ(ToText(Fail({}, "", failed)), "OK");
  EXPECT_EQ(failed.results_size(), 0);
}

TEST_F(JobOperationsTest, PermanentlyFailJobsSaysWhatBecameOfEach) {
  for (const auto& [id, state] :
       {std::pair(1, JobState::kReady), std::pair(2, JobState::kHeld),
        std::pair(3, JobState::kExhausted), std::pair(4, JobState::kHeld)}) {
    JobDetails details;
    details.job.id = id;
    details.state = state;
    if (id == 4) details.cancel_reason = "not wanted";
    store_.Put(details);
  }
  v1::PermanentlyFailJobsResponse response;
  ASSERT_EQ(ToText(Fail({2, 1, 9, 3, 4}, "no use", response)), "OK");
  EXPECT_THAT(
      response.results(),
      ElementsAre(v1::FAIL_RESULT_REQUESTED, v1::FAIL_RESULT_FAILED, v1::FAIL_RESULT_NOT_FOUND,
                  v1::FAIL_RESULT_ENDED_BEFORE, v1::FAIL_RESULT_BEING_CANCELLED));
  v1::GetJobResponse held;
  ASSERT_EQ(ToText(Get(2, &held)), "OK");
  EXPECT_EQ(held.job().fail_reason(), "no use");
  EXPECT_EQ(held.job().cancel_reason(), "");
  EXPECT_EQ(store_.GetJob(1)->state, JobState::kExhausted);
}

TEST_F(JobOperationsTest, PermanentlyFailJobsHasAReasonAndRefusesBadRequests) {
  JobDetails details;
  details.job.id = 1;
  store_.Put(details);
  v1::PermanentlyFailJobsResponse response;
  EXPECT_THAT(ToText(Fail({1, 0}, "", response)), HasSubstr("INVALID_ARGUMENT: ids[1]: must be 1"));
  EXPECT_THAT(ToText(Fail({1}, "a\nb", response)),
              HasSubstr("INVALID_ARGUMENT: reason: must be printable"));
  EXPECT_EQ(store_.GetJob(1)->state, JobState::kReady);
  ASSERT_EQ(ToText(Fail({1}, "", response)), "OK");
  EXPECT_EQ(store_.GetJob(1)->last_error, "failed by an operator");
}

TEST_F(JobOperationsTest, ResetOverdueJobsFreesWhatWasLockedForTheSettingsTime) {
  RpcServerOptions options;
  options.lock_timeout = absl::Minutes(7);
  StartServer(options);
  v1::ResetOverdueJobsResponse response;
  ASSERT_EQ(ToText(jobs().ResetOverdueJobs(NewContext().get(), {}, &response)), "OK");
  EXPECT_EQ(response.freed(), 3);
  EXPECT_EQ(store_.last_lock_timeout(), absl::Minutes(7));
}

}  // namespace
}  // namespace millrace
