#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/library/job_listing.h"
#include "client/output/job_output.h"
#include "client/output/names.h"

namespace millrace::cli {
namespace {

constexpr int64_t kPageSize = 1000;

struct ListOptions {
  std::vector<std::string> states;
  std::vector<std::string> tasks;
  std::vector<std::string> queues;
  int64_t limit = 100;
  bool all = false;
};

client::JobFilter FilterOf(const ListOptions& options) {
  client::JobFilter filter;
  for (const std::string& state : options.states) filter.states.push_back(*ParseJobState(state));
  filter.task_identifiers = options.tasks;
  filter.queue_names = options.queues;
  return filter;
}

// Writes a listing as it comes, page by page, so that a long one begins at once and takes little
// memory.
class ListWriter {
 public:
  explicit ListWriter(Session& session)
      : session_(session), table_(MakeJobTable(session.width(), session.colored())) {}

  void Write(const JobDetails& job) {
    ++count_;
    if (session_.json()) return session_.Write(JobJson(job));
    AddJobRow(job, session_.clock().Now(), table_);
    if (count_ % kPageSize == 0) table_.Flush(session_.out());
  }
  void Finish() {
    if (session_.json()) return;
    if (count_ > 0) table_.Flush(session_.out());
  }
  int64_t count() const { return count_; }

 private:
  Session& session_;
  Table table_;
  int64_t count_ = 0;
};

// True if there are more than the limit.
absl::StatusOr<bool> WriteJobs(const ListOptions& options, client::JobListing& listing,
                               Session& session, ListWriter& writer) {
  while (session.out().good()) {
    const absl::StatusOr<std::optional<JobDetails>> job = listing.Next();
    if (!job.ok()) return job.status();
    if (!job->has_value()) return false;
    if (!options.all && writer.count() == options.limit) return true;
    writer.Write(**job);
  }
  return false;
}

std::string MoreText(int64_t limit) {
  return absl::StrCat(limit == 1 ? "there are more than this one"
                                 : absl::StrCat("there are more than these ", limit),
                      "; ask for them with --limit or --all");
}

absl::Status ListJobs(const ListOptions& options, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::JobQueueClient queue(**connection);
  // One more than the limit, to know whether there are more.
  const int64_t page_size = options.all ? kPageSize : std::min(options.limit + 1, kPageSize);
  client::JobListing listing(queue, FilterOf(options), static_cast<int>(page_size));
  ListWriter writer(session);
  const absl::StatusOr<bool> more = WriteJobs(options, listing, session, writer);
  writer.Finish();
  if (!more.ok()) return more.status();
  if (*more) session.Remark(MoreText(options.limit));
  if (writer.count() == 0 && !session.json()) session.Remark("no job matches");
  return absl::OkStatus();
}

}  // namespace

void AddJobsListCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command = jobs.add_subcommand("list", "List jobs, newest first");
  const auto options = std::make_shared<ListOptions>();
  AddListOption(*command, "--state", options->states, "Only jobs in this state")
      ->check(CLI::IsMember(JobStateNames()))
      ->type_name("STATE");
  AddListOption(*command, "--task", options->tasks, "Only jobs of this task");
  AddListOption(*command, "--queue", options->queues, "Only jobs of this serial queue");
  CLI::Option* const limit = command->add_option("--limit", options->limit, "At most so many")
                                 ->capture_default_str()
                                 ->check(CLI::Range(int64_t{1}, int64_t{1} << 40, ""))
                                 ->type_name("N");
  command->add_flag("--all", options->all, "All that match, however many")->excludes(limit);
  command->footer("With --output json, each job is one JSON object on one line.");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return ListJobs(*options, running); });
  });
}

}  // namespace millrace::cli
