// Lists of jobs: every job that matches is on one page, newest first, and no page takes long to
// make.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/job_store_fixture.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Beyond what any walk looks at in one call.
constexpr int kMany = 12'000;

class JobListTest : public JobStoreFixture {
 protected:
  JobId Add(const JobSpec& spec) { return jobs_.AddJobs({spec})->at(0).id; }
  // Each with a row of its own in each table, as `places` puts them there. Their ids rise.
  void AddMany(const std::string& places) {
    schema_.Query("select {schema}.make_lane('many', '{}')");
    schema_.Query(absl::StrCat(
        "with ids as materialized (select {schema}.new_job_id() id from generate_series(1, ", kMany,
        ")), jobs as (insert into {schema}.job (id, lane, priority, max_attempts, run_at, payload) "
        "select id, {schema}.find_lane('many', '{}'), 0, 25, now(), '{}' from ids) ",
        places));
  }
  // Adds jobs of a task and a serial queue, and some beside, and brings them into every state.
  void AddInAllStates(const std::string& task, const std::string& queue) {
    const std::vector<JobSpec> chunk(5, {.task_identifier = task});
    ASSERT_TRUE(jobs_.AddJobs(chunk).ok());
    ASSERT_TRUE(jobs_
                    .AddJobs(std::vector<JobSpec>(
                        3, {.task_identifier = task, .run_at = absl::Now() + absl::Hours(1)}))
                    .ok());
    ASSERT_TRUE(jobs_
                    .AddJobs({{.task_identifier = task, .queue_name = queue},
                              {.task_identifier = task, .queue_name = queue},
                              {.task_identifier = task, .queue_name = queue}})
                    .ok());
    ASSERT_TRUE(pool_.PromoteDue().ok());
    const std::vector<ClaimedJob> held = Claim(6, {task});
    ASSERT_EQ(held.size(), 6u);
    Report(held[0], AttemptOutcome::kCompleted);
    Report(held[2], AttemptOutcome::kFailed, true);
    Report(held[3], AttemptOutcome::kCancelled);
    Report(held[4], AttemptOutcome::kFailed);
    ASSERT_TRUE(jobs_.AddJobs(chunk).ok());
    ASSERT_TRUE(pool_.PromoteDue().ok());
  }
  // All pages of a list. Expects them to be in order.
  std::vector<std::vector<JobId>> Pages(const JobFilter& filter, int limit) {
    std::vector<std::vector<JobId>> pages;
    std::optional<JobId> before;
    do {
      const absl::StatusOr<JobPage> page = jobs_.ListJobs(filter, before, limit);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return pages;
      pages.emplace_back();
      for (const JobDetails& job : page->jobs) {
        EXPECT_TRUE(!before.has_value() || job.job.id < *before);
        EXPECT_TRUE(pages.back().empty() || job.job.id < pages.back().back());
        pages.back().push_back(job.job.id);
      }
      EXPECT_TRUE(!page->next_before.has_value() || !before.has_value() ||
                  *page->next_before < *before);
      before = page->next_before;
    } while (before.has_value());
    return pages;
  }
  std::vector<JobId> List(const JobFilter& filter, int limit) {
    std::vector<JobId> ids;
    for (const std::vector<JobId>& page : Pages(filter, limit))
      ids.insert(ids.end(), page.begin(), page.end());
    return ids;
  }
};

bool Matches(const JobFilter& filter, const JobDetails& job) {
  const auto any_or_has = [](const auto& wanted, const auto& value) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
  };
  return any_or_has(filter.states, job.state) &&
         any_or_has(filter.task_identifiers, job.job.task_identifier) &&
         any_or_has(filter.queue_names, job.job.queue_name);
}

TEST_F(JobListTest, EveryFilterFindsWhatMatchesWhateverTheSizeOfPages) {
  AddInAllStates("a", "q");
  AddInAllStates("b", "r");
  AddInAllStates("c", "s");
  std::vector<JobDetails> all;
  std::set<JobState> states;
  for (const JobId id : List({}, 1000)) {
    all.push_back(*jobs_.GetJob(id));
    states.insert(all.back().state);
  }
  ASSERT_EQ(all.size(), 3 * 16u);
  ASSERT_EQ(states.size(), 7u);
  std::vector<std::vector<JobState>> state_lists = {
      {}, {JobState::kReady, JobState::kCompleted}, {states.begin(), states.end()}};
  for (const JobState state : states) state_lists.push_back({state});
  for (const auto& wanted : state_lists) {
    for (const auto& tasks :
         std::vector<std::vector<std::string>>{{}, {"a"}, {"a", "b"}, {"nobody's"}}) {
      for (const auto& queues :
           std::vector<std::vector<std::string>>{{}, {"q"}, {"q", "s", "nobody's"}}) {
        const JobFilter filter{wanted, tasks, queues};
        std::vector<JobId> expected;
        for (const JobDetails& job : all) {
          if (Matches(filter, job)) expected.push_back(job.job.id);
        }
        for (const int limit : {1, 3, 1000}) EXPECT_EQ(List(filter, limit), expected);
      }
    }
  }
}

TEST_F(JobListTest, ARareJobIsFoundBehindManyOthersOverPagesWithoutJobs) {
  const JobId rare = Add({.task_identifier = "rare", .queue_name = "q"});
  AddMany(
      "insert into {schema}.ready (lane, priority, run_at, id) select {schema}.find_lane('many', "
      "'{}'), 0, now(), id from ids");
  for (const JobFilter& filter :
       {JobFilter{.task_identifiers = {"rare"}}, JobFilter{.queue_names = {"q"}}}) {
    EXPECT_THAT(Pages(filter, 100), ElementsAre(IsEmpty(), ElementsAre(rare)));
  }
}

TEST_F(JobListTest, ManyReadyJobsAreListedNewestFirst) {
  const JobId rare = Add({.task_identifier = "rare"});
  AddMany(
      "insert into {schema}.ready (lane, priority, run_at, id) select {schema}.find_lane('many', "
      "'{}'), 0, now(), id from ids");
  const JobId held = Claim(1, {"many"}).at(0).job.id;
  const std::vector<JobId> ready = List({.states = {JobState::kReady}}, 1000);
  ASSERT_EQ(ready.size(), static_cast<size_t>(kMany));
  EXPECT_EQ(ready.back(), rare);
  EXPECT_EQ(std::count(ready.begin(), ready.end(), held), 0);
  EXPECT_THAT(Pages({.states = {JobState::kReady}, .task_identifiers = {"rare"}}, 100),
              ElementsAre(ElementsAre(rare)));
}

TEST_F(JobListTest, ARareJobIsFoundInEveryPlaceThatHasManyOthers) {
  const std::string queue = "select {schema}.make_queue('many')";
  schema_.Query(queue);
  const std::map<JobState, std::string> places = {
      {JobState::kScheduled,
       "insert into {schema}.scheduled (due, id) select now() + interval '1 day', id from ids"},
      {JobState::kQueuedBehind,
       "insert into {schema}.follower (queue, priority, run_at, id) select "
       "{schema}.find_queue('many'), 0, now(), id from ids"},
      {JobState::kExhausted, "insert into {schema}.exhausted select id, now() from ids"},
      {JobState::kCompleted,
       "insert into {schema}.attempt_outcome select id, {schema}.claim_id(7), 1, now(), 0, 0, 1, "
       "1, 'c', true from ids"},
      {JobState::kCancelled,
       "insert into {schema}.attempt_outcome select id, {schema}.claim_id(7), 1, now(), 0, 0, 1, "
       "1, 'k', true from ids"},
      {JobState::kHeld,
       "insert into {schema}.claim select {schema}.claim_id(8), 1, now(), count(*), "
       "array_agg(id), array_agg(1::smallint), array_agg(0::smallint) from ids"}};
  AddInAllStates("rare", "q");
  for (const auto& [state, insert] : places) {
    const std::vector<JobId> rare = List({.states = {state}, .task_identifiers = {"rare"}}, 100);
    ASSERT_FALSE(rare.empty());
    AddMany(insert);
    const auto pages = Pages({.states = {state}, .task_identifiers = {"rare"}}, 100);
    EXPECT_THAT(pages.front(), IsEmpty());
    EXPECT_EQ(pages.back(), rare);
    EXPECT_LT(pages.size(), 10u);
  }
}

TEST_F(JobListTest, AJobWithManyAttemptsIsListedAsCompletedOnce) {
  const JobId older = Add({.task_identifier = "t"});
  const JobId snoozed = Add({.task_identifier = "t"});
  for (const JobId id : {older, snoozed}) {
    // The outcome that ends it is the last one that is looked at.
    schema_.Query(absl::StrCat(
        "insert into {schema}.attempt_outcome select ", id,
        ", {schema}.claim_id(n), 1, now(), 0, 0, 1, 1, case when n = 1 then 'c' else 's' end, "
        "n = 1 from generate_series(1, 5000) n"));
  }
  EXPECT_EQ(List({.states = {JobState::kCompleted}}, 10), (std::vector<JobId>{snoozed, older}));
}

}  // namespace
}  // namespace millrace
