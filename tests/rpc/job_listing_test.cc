// Pages of a list where a call looks at a bounded number of jobs.

#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JobListingTest : public RpcFixture {};

TEST_F(JobListingTest, APageWithoutJobsIsNotTheLastWhereFewOfManyMatch) {
  for (JobId id = 1; id <= 50; ++id) {
    JobDetails details;
    details.job.id = id;
    details.job.task_identifier = id == 7 ? "rare" : "t";
    store_.Put(details);
  }
  store_.LookAtMostAt(20);
  v1::ListJobsRequest request;
  request.add_task_identifiers("rare");
  std::vector<std::vector<int64_t>> pages;
  do {
    v1::ListJobsResponse response;
    ASSERT_EQ(ToText(jobs().ListJobs(NewContext().get(), request, &response)), "OK");
    pages.emplace_back();
    for (const v1::Job& job : response.jobs()) pages.back().push_back(job.id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(pages, ElementsAre(IsEmpty(), IsEmpty(), ElementsAre(7)));
}

}  // namespace
}  // namespace millrace
