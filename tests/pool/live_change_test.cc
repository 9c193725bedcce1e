// Changing a pool while it runs, on real PostgreSQL and in real time.

#include "tests/pool/pool_on_postgres.h"

namespace millrace {
namespace {

class LiveChangeOnPostgresTest : public PoolOnPostgres {
 public:
  ~LiveChangeOnPostgresTest() override {
    gate_.Open();
    pool_.reset();
  }

 protected:
  LiveChangeOnPostgresTest() : PoolOnPostgres(Time::kReal) {
    config_.poll_interval = absl::Milliseconds(100);
  }

  int CountHeld(const std::vector<JobId>& ids) {
    int held = 0;
    for (const JobId id : ids) held += Look(id).state == JobState::kHeld ? 1 : 0;
    return held;
  }

  std::vector<JobId> AddMany(const JobSpec& spec, int count) {
    std::vector<JobId> ids;
    const auto added = jobs_.AddJobs(std::vector<JobSpec>(count, spec));
    EXPECT_TRUE(added.ok()) << added.status();
    for (const AddedJob& job : *added) ids.push_back(job.id);
    return ids;
  }
};

TEST_F(LiveChangeOnPostgresTest, GrowingRunsMoreAndShrinkingInterruptsNobody) {
  const std::vector<JobId> ids = AddMany({.task_identifier = "stubborn"}, 6);
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  ASSERT_EQ(pool_->Update({.concurrency = 6}), absl::OkStatus());
  ASSERT_TRUE(gate_.WaitForArrivals(6));
  ASSERT_EQ(pool_->Update({.concurrency = 1}), absl::OkStatus());
  EXPECT_EQ(pool_->Stats().active, 6);
  gate_.Open();
  for (const JobId id : ids) {
    EXPECT_TRUE(Eventually([&] { return Look(id).state == JobState::kCompleted; }));
    EXPECT_EQ(Look(id).job.attempt, 1);
  }
}

TEST_F(LiveChangeOnPostgresTest, BufferedJobsThatAreForbiddenWaitAgainAsIfNeverClaimed) {
  AddMany({.task_identifier = "ok"}, 1000);
  const std::vector<JobId> slow = AddMany({.task_identifier = "stubborn", .flags = {"heavy"}}, 60);
  StartPool();
  ASSERT_TRUE(gate_.WaitForArrivals(2));
  ASSERT_TRUE(Eventually([this] { return pool_->Stats().buffered > 0; }));
  ASSERT_EQ(pool_->Update({.forbidden_flags = {{"heavy"}}}), absl::OkStatus());
  EXPECT_EQ(pool_->Stats().buffered, 0);
  EXPECT_TRUE(Eventually([&] { return CountHeld(slow) == 2; }));
  int untouched = 0;
  for (const JobId id : slow) untouched += Look(id).job.attempt == 0 ? 1 : 0;
  EXPECT_EQ(untouched, 58);
  EXPECT_EQ(pool_->Stats().given_back, pool_->Stats().claimed - 1000 - 2);
  // Other jobs go on.
  gate_.Open();
  const JobId plain = Add({.task_identifier = "ok"});
  EXPECT_TRUE(Eventually([&] { return Look(plain).state == JobState::kCompleted; }));
}

}  // namespace
}  // namespace millrace
