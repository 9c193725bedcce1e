// Live changes and what is saved, through the service.

#include <atomic>
#include <future>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/eventually.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

class PoolCommandsTest : public RpcFixture {
 protected:
  grpc::Status Update(const v1::UpdatePoolRequest& request,
                      v1::UpdatePoolResponse* response = nullptr) {
    v1::UpdatePoolResponse ignored;
    return pool_stub().UpdatePool(NewContext().get(), request,
                                  response != nullptr ? response : &ignored);
  }
  grpc::Status Stop(bool save) {
    v1::StopRequest request;
    request.set_save(save);
    v1::StopResponse response;
    return pool_stub().Stop(NewContext().get(), request, &response);
  }
  grpc::Status Start(bool save) {
    v1::StartRequest request;
    request.set_save(save);
    v1::StartResponse response;
    return pool_stub().Start(NewContext().get(), request, &response);
  }
  SavedPool Saved() { return *fleet_store_.Load("pool-of-tests"); }
};

TEST_F(PoolCommandsTest, AChangeAnswersWithWhatHoldsNow) {
  PoolStats stats;
  stats.concurrency = 10;
  stats.task_identifiers = {"a"};
  stats.forbidden_flags = {"f"};
  pool_.SetStats(stats);
  v1::UpdatePoolRequest request;
  request.set_concurrency(3);
  request.mutable_forbidden_flags();
  v1::UpdatePoolResponse response;
  ASSERT_EQ(ToText(Update(request, &response)), "OK");
  EXPECT_EQ(response.worker_id(), "worker-1");
  EXPECT_EQ(response.concurrency(), 3);
  EXPECT_THAT(response.task_identifiers(), ElementsAre("a"));
  EXPECT_THAT(response.forbidden_flags(), IsEmpty());
  EXPECT_TRUE(Saved().empty());
  v1::StatsResponse shown;
  ASSERT_TRUE(pool_stub().Stats(NewContext().get(), {}, &shown).ok());
  EXPECT_EQ(shown.concurrency(), 3);
  EXPECT_THAT(shown.task_identifiers(), ElementsAre("a"));
}

TEST_F(PoolCommandsTest, WhatIsNamedIsSavedIfAsked) {
  v1::UpdatePoolRequest request;
  request.set_concurrency(3);
  request.mutable_task_identifiers()->add_names("a");
  request.set_save(true);
  ASSERT_EQ(ToText(Update(request)), "OK");
  EXPECT_THAT(Saved().concurrency, Optional(3));
  EXPECT_THAT(Saved().task_identifiers, Optional(ElementsAre("a")));
  EXPECT_EQ(Saved().forbidden_flags, std::nullopt);
  EXPECT_EQ(Saved().stopped, std::nullopt);
}

// Two callers, through two servers: what is saved is what holds.
TEST_F(PoolCommandsTest, AChangeThatIsSavedIsMadeBeforeTheNextOneIsSaved) {
  std::atomic<int> saved = 0;
  fleet_store_.OnSaved([&] {
    // Lets the other come between, if it can.
    if (++saved == 1) Eventually([&] { return saved == 2; }, absl::Milliseconds(100));
  });
  const auto change = [this](int concurrency) {
    v1::UpdatePoolRequest request;
    request.set_concurrency(concurrency);
    request.set_save(true);
    return commands_.UpdatePool(request).status();
  };
  auto first = std::async(std::launch::async, [&] { return change(5); });
  ASSERT_TRUE(Eventually([&] { return saved == 1; }));
  EXPECT_EQ(change(6), absl::OkStatus());
  EXPECT_EQ(first.get(), absl::OkStatus());
  EXPECT_THAT(Saved().concurrency, Optional(6));
  EXPECT_EQ(pool_.Stats().concurrency, 6);
}

TEST_F(PoolCommandsTest, ABadChangeNamesEveryFieldAndSavesNothing) {
  v1::UpdatePoolRequest request;
  request.set_concurrency(0);
  request.set_save(true);
  request.set_clear_saved(true);
  EXPECT_EQ(ToText(Update(request)),
            "INVALID_ARGUMENT: clear_saved: not together with save; concurrency: must not be 0");
  EXPECT_TRUE(Saved().empty());
  EXPECT_EQ(pool_.Stats().concurrency, 10);
}

TEST_F(PoolCommandsTest, AChangeOfNothingIsRefused) {
  EXPECT_THAT(ToText(Update({})), HasSubstr("INVALID_ARGUMENT: name what to change"));
  v1::UpdatePoolRequest request;
  request.set_save(true);
  EXPECT_THAT(ToText(Update(request)), HasSubstr("INVALID_ARGUMENT: save: "));
}

TEST_F(PoolCommandsTest, WhatCannotBeSavedChangesNothing) {
  ASSERT_TRUE(Start(false).ok());
  fleet_store_.Fail(absl::UnavailableError("the database is away"));
  v1::UpdatePoolRequest request;
  request.set_concurrency(3);
  request.set_save(true);
  EXPECT_EQ(ToText(Update(request)), "UNAVAILABLE: the database is away");
  EXPECT_EQ(pool_.Stats().concurrency, 10);
  EXPECT_EQ(ToText(Stop(true)), "UNAVAILABLE: the database is away");
  EXPECT_TRUE(pool_.Stats().running);
  EXPECT_EQ(ToText(Stop(false)), "OK");
}

TEST_F(PoolCommandsTest, AChangeThatFailsAfterItWasSavedSaysSo) {
  v1::UpdatePoolRequest request;
  request.set_concurrency(1024);
  request.set_save(true);
  EXPECT_EQ(ToText(Update(request)), "RESOURCE_EXHAUSTED: no threads (the change is saved)");
}

TEST_F(PoolCommandsTest, AStopAndAStartAreSavedIfAskedAlsoWhereNothingChanges) {
  ASSERT_TRUE(Start(false).ok());
  ASSERT_TRUE(Stop(true).ok());
  EXPECT_THAT(Saved().stopped, Optional(true));
  ASSERT_TRUE(Start(true).ok());
  EXPECT_THAT(Saved().stopped, Optional(false));
  ASSERT_TRUE(Stop(false).ok());
  EXPECT_THAT(Saved().stopped, Optional(false));
  EXPECT_EQ(ToText(Stop(true)),
            "FAILED_PRECONDITION: not running (that it does not start with its server is saved)");
  EXPECT_THAT(Saved().stopped, Optional(true));
}

TEST_F(PoolCommandsTest, WhatIsSavedCanBeForgotten) {
  ASSERT_TRUE(Start(true).ok());
  v1::UpdatePoolRequest request;
  request.set_clear_saved(true);
  ASSERT_EQ(ToText(Update(request)), "OK");
  EXPECT_TRUE(Saved().empty());
  EXPECT_TRUE(pool_.Stats().running);
}

}  // namespace
}  // namespace millrace
