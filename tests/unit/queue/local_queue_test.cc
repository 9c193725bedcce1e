#include "server/queue/local_queue.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/named_thread.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"

namespace millrace {
namespace {

constexpr absl::Duration kTimeToLive = absl::Seconds(60);

ClaimedBatch Batch(JobId first, int count, absl::Duration claimed_at = absl::ZeroDuration()) {
  ClaimedBatch batch;
  batch.worker = 4;
  batch.claimed_at = claimed_at;
  for (int i = 0; i < count; ++i) {
    ClaimedJob& job = batch.jobs.emplace_back();
    job.claim_id = 100 + first;
    job.job.id = first + i;
  }
  return batch;
}

class LocalQueueTest : public ::testing::Test {
 protected:
  bool Push(JobId first, int count, absl::Duration claimed_at = absl::ZeroDuration()) {
    ClaimedBatch batch = Batch(first, count, claimed_at);
    return queue_.Push(batch);
  }

  JobId Pop(bool came_back = false) {
    QueuedJob job;
    EXPECT_TRUE(queue_.Pop(job, came_back));
    return job.claimed.job.id;
  }

  static std::vector<JobId> Ids(const std::vector<ClaimedBatch>& batches) {
    std::vector<JobId> ids;
    for (const ClaimedBatch& batch : batches) {
      for (const ClaimedJob& job : batch.jobs) ids.push_back(job.job.id);
    }
    return ids;
  }

  FakeClock clock_;
  LocalQueue queue_{3, kTimeToLive, clock_};
};

TEST_F(LocalQueueTest, JobsComeOutInTheOrderInWhichTheyWerePushed) {
  ASSERT_TRUE(Push(1, 2));
  ASSERT_TRUE(Push(5, 1));
  EXPECT_EQ(Pop(), 1);
  EXPECT_EQ(Pop(true), 2);
  EXPECT_EQ(Pop(true), 5);
}

TEST_F(LocalQueueTest, JobComesOutWithItsClaim) {
  ASSERT_TRUE(Push(1, 1, absl::Seconds(8)));
  QueuedJob job;
  ASSERT_TRUE(queue_.Pop(job, false));
  EXPECT_EQ(job.worker, 4);
  EXPECT_EQ(job.claimed_at, absl::Seconds(8));
  EXPECT_EQ(job.hold(), (Hold{101, 1}));
}

TEST_F(LocalQueueTest, RoomCountsWorkersThatPoppedAsBusyUntilTheyComeBack) {
  ASSERT_TRUE(Push(1, 3));
  EXPECT_EQ(queue_.GetRoom().free_workers, 3);
  EXPECT_EQ(queue_.GetRoom().buffered, 3);
  Pop();
  Pop();
  EXPECT_EQ(queue_.GetRoom().free_workers, 1);
  EXPECT_EQ(queue_.GetRoom().buffered, 1);
  EXPECT_EQ(queue_.GetRoom().popped, 2);
  Pop(/*came_back=*/true);
  EXPECT_EQ(queue_.GetRoom().free_workers, 1);
}

TEST_F(LocalQueueTest, PopWaitsForAJob) {
  std::atomic<JobId> popped = 0;
  std::thread worker = StartNamedThread("worker", [&] { popped = Pop(); });
  ASSERT_TRUE(Push(7, 1));
  worker.join();
  EXPECT_EQ(popped, 7);
}

TEST_F(LocalQueueTest, CloseEndsWaitsAndRefusesWhatComesLater) {
  std::thread worker = StartNamedThread("worker", [&] {
    QueuedJob job;
    EXPECT_FALSE(queue_.Pop(job, false));
  });
  queue_.Close();
  worker.join();
  ClaimedBatch late = Batch(1, 2);
  EXPECT_FALSE(queue_.Push(late));
  EXPECT_EQ(late.jobs.size(), 2u);
}

TEST_F(LocalQueueTest, DrainReturnsWhatIsLeftAndNothingTwice) {
  ASSERT_TRUE(Push(1, 3));
  ASSERT_TRUE(Push(9, 1));
  Pop();
  queue_.Close();
  EXPECT_THAT(Ids(queue_.Drain()), ::testing::ElementsAre(2, 3, 9));
  EXPECT_TRUE(queue_.Drain().empty());
  EXPECT_EQ(queue_.GetRoom().buffered, 0);
}

TEST_F(LocalQueueTest, NamedJobsAreTakenOutOfItsMiddle) {
  ASSERT_TRUE(Push(1, 4));
  ASSERT_TRUE(Push(9, 1));
  EXPECT_EQ(Pop(), 1);
  // The first has gone already, the last is of another claim.
  const std::vector<ClaimedBatch> taken = queue_.Take({{101, 1}, {101, 3}, {109, 9}, {101, 9}});
  EXPECT_THAT(Ids(taken), ::testing::ElementsAre(3, 9));
  EXPECT_EQ(taken[0].worker, 4);
  EXPECT_EQ(queue_.GetRoom().buffered, 2);
  EXPECT_EQ(Pop(true), 2);
  EXPECT_EQ(Pop(true), 4);
  EXPECT_EQ(queue_.NextExpiry(), absl::InfiniteDuration());
}

TEST_F(LocalQueueTest, JobsExpireAfterTheirTimeToLive) {
  ASSERT_TRUE(Push(1, 2, absl::Seconds(10)));
  ASSERT_TRUE(Push(5, 1, absl::Seconds(20)));
  Pop();
  EXPECT_EQ(queue_.NextExpiry(), absl::Seconds(70));
  EXPECT_TRUE(queue_.TakeExpired(absl::Seconds(69)).empty());
  EXPECT_THAT(Ids(queue_.TakeExpired(absl::Seconds(70))), ::testing::ElementsAre(2));
  EXPECT_EQ(queue_.NextExpiry(), absl::Seconds(80));
  EXPECT_EQ(queue_.GetRoom().buffered, 1);
  EXPECT_EQ(Pop(true), 5);
  EXPECT_EQ(queue_.NextExpiry(), absl::InfiniteDuration());
}

TEST_F(LocalQueueTest, ClaimerWaitsUntilHalfOfWhatShouldBeHereIsUsedUp) {
  ASSERT_TRUE(Push(1, 12));
  std::atomic<bool> woken = false;
  // Three free workers and nine ahead: twelve should be here, and six are the mark.
  std::thread claimer = StartNamedThread("claimer", [&] {
    queue_.WaitForRoom(9, 50, absl::InfiniteDuration());
    woken = true;
  });
  Pop();
  for (int i = 0; i < 4; ++i) Pop(/*came_back=*/true);
  EXPECT_FALSE(woken);
  Pop(/*came_back=*/true);
  Pop(/*came_back=*/true);
  claimer.join();
  EXPECT_TRUE(woken);
}

TEST_F(LocalQueueTest, WorkerThatComesBackToAnEmptyQueueWakesTheClaimer) {
  ASSERT_TRUE(Push(1, 3));
  Pop();
  Pop();
  Pop();
  std::thread claimer =
      StartNamedThread("claimer", [&] { queue_.WaitForRoom(0, 50, absl::InfiniteDuration()); });
  std::thread worker = StartNamedThread("worker", [&] {
    QueuedJob job;
    EXPECT_FALSE(queue_.Pop(job, /*came_back=*/true));
  });
  claimer.join();
  queue_.Close();
  worker.join();
}

TEST_F(LocalQueueTest, NudgeEndsTheClaimersNextWaitIfItComesFirst) {
  queue_.Nudge();
  queue_.WaitForNudge(absl::InfiniteDuration());
  queue_.Nudge();
  ASSERT_TRUE(Push(1, 3));
  queue_.WaitForRoom(0, 50, absl::InfiniteDuration());
}

TEST_F(LocalQueueTest, ClaimersWaitEndsAtItsTimeout) {
  std::atomic<bool> woken = false;
  std::thread claimer = StartNamedThread("claimer", [&] {
    queue_.WaitForNudge(absl::Seconds(5));
    woken = true;
  });
  clock_.Advance(absl::Seconds(4));
  EXPECT_FALSE(woken);
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(absl::Seconds(5));
    return woken.load();
  }));
  claimer.join();
}

TEST_F(LocalQueueTest, EveryJobIsPoppedOnceByManyWorkers) {
  constexpr int kBatches = 50;
  constexpr int kJobs = 100;
  LocalQueue queue(4, kTimeToLive, clock_);
  std::vector<std::vector<JobId>> popped(4);
  std::vector<std::thread> workers;
  for (std::vector<JobId>& mine : popped) {
    workers.push_back(StartNamedThread("worker", [&queue, &mine] {
      QueuedJob job;
      for (bool came_back = false; queue.Pop(job, came_back); came_back = true) {
        mine.push_back(job.claimed.job.id);
      }
    }));
  }
  for (int i = 0; i < kBatches; ++i) {
    ClaimedBatch batch = Batch(1 + i * kJobs, kJobs);
    ASSERT_TRUE(queue.Push(batch));
  }
  EXPECT_TRUE(Eventually([&] { return queue.GetRoom().buffered == 0; }));
  queue.Close();
  for (std::thread& worker : workers) worker.join();
  std::multiset<JobId> all;
  for (const std::vector<JobId>& mine : popped) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), static_cast<size_t>(kBatches * kJobs));
  EXPECT_EQ(std::set<JobId>(all.begin(), all.end()).size(), all.size());
}

TEST_F(LocalQueueTest, SurplusWorkersLeaveWhenTheyComeBackOrAtOnceIfTheyWait) {
  ASSERT_TRUE(Push(1, 2));
  Pop();
  Pop();
  std::thread waiting = StartNamedThread("worker", [&] {
    QueuedJob job;
    EXPECT_FALSE(queue_.Pop(job, false));
  });
  EXPECT_EQ(queue_.Resize(1), 0);
  waiting.join();
  EXPECT_EQ(queue_.GetRoom().free_workers, 0);
  ASSERT_TRUE(Push(9, 1));
  QueuedJob job;
  EXPECT_FALSE(queue_.Pop(job, /*came_back=*/true));
  EXPECT_EQ(Pop(/*came_back=*/true), 9);
}

TEST_F(LocalQueueTest, GrowingSaysHowManyWorkersMustBeAdded) {
  EXPECT_EQ(queue_.Resize(5), 2);
  EXPECT_EQ(queue_.GetRoom().free_workers, 5);
  // None of those that are too many has left yet.
  EXPECT_EQ(queue_.Resize(1), 0);
  EXPECT_EQ(queue_.Resize(6), 1);
}

TEST_F(LocalQueueTest, JobsThatTheFilterForbidsAreTakenOut) {
  ClaimedBatch batch = Batch(1, 4);
  for (ClaimedJob& job : batch.jobs) job.job.task_identifier = "a";
  batch.jobs[1].job.task_identifier = "b";
  batch.jobs[2].job.flags = {"heavy", "big"};
  ASSERT_TRUE(queue_.Push(batch));
  const ClaimFilter filter{.task_identifiers = {"a"}, .forbidden_flags = {"big"}};
  EXPECT_THAT(Ids(queue_.TakeForbidden(filter)), ::testing::ElementsAre(2, 3));
  EXPECT_EQ(queue_.GetRoom().buffered, 2);
  EXPECT_EQ(Pop(), 1);
  EXPECT_EQ(Pop(true), 4);
}

}  // namespace
}  // namespace millrace
