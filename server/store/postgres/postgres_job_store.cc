#include "server/store/postgres/postgres_job_store.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/store/postgres/job_rows.h"
#include "server/store/postgres/job_walk.h"
#include "server/store/postgres/postgres_text.h"
#include "server/store/postgres/request_record.h"

namespace millrace {
namespace {

// A block of ids, and so a chunk, has a hundred.
constexpr size_t kChunkJobs = 100;

bool FitsChunk(const JobSpec& spec) { return spec.job_key.empty() && spec.queue_name.empty(); }

bool ShareChunk(const JobSpec& a, const JobSpec& b) {
  return FitsChunk(a) && FitsChunk(b) && a.task_identifier == b.task_identifier &&
         a.flags == b.flags && a.priority == b.priority && a.run_at == b.run_at &&
         a.max_attempts == b.max_attempts;
}

// The end of the run of specs from `from` that one chunk can hold; from + 1 if it is none.
size_t ChunkEnd(const std::vector<JobSpec>& specs, size_t from) {
  size_t end = from + 1;
  while (end < specs.size() && end - from < kChunkJobs && ShareChunk(specs[from], specs[end]))
    ++end;
  return end;
}

std::string RunAtText(const JobSpec& spec) {
  return spec.run_at.has_value() ? TimestampText(*spec.run_at) : "";
}

int MaxAttempts(const JobSpec& spec) {
  return spec.max_attempts.value_or(JobLimits::kDefaultMaxAttempts);
}

std::string PayloadText(const JobSpec& spec) { return spec.payload.empty() ? "{}" : spec.payload; }

std::string KeyModeText(const JobSpec& spec) {
  if (!spec.job_key_mode.has_value()) return "";
  switch (*spec.job_key_mode) {
    case JobKeyMode::kReplace:
      return "replace";
    case JobKeyMode::kPreserveRunAt:
      return "preserve_run_at";
    case JobKeyMode::kUnsafeDedupe:
      return "unsafe_dedupe";
  }
  return "";
}

// Empty, with nothing done, if the names of the job must be made first.
std::vector<AddedJob> AddOne(PostgresConnection& connection, pqxx::transaction_base& transaction,
                             const JobSpec& spec) {
  const pqxx::result rows = connection.Execute(
      transaction, "AddJob", spec.task_identifier, PayloadText(spec), spec.queue_name,
      RunAtText(spec), spec.priority, MaxAttempts(spec), spec.job_key, KeyModeText(spec),
      TextArray(spec.flags), spec.correlation_id, spec.metadata);
  if (rows.empty()) return {};
  return {{rows[0][0].as<JobId>(), AddResultOf(rows[0][1].c_str()[0])}};
}

// The same under a request id; `repeated` tells that it was done before.
std::vector<AddedJob> AddOneOnce(PostgresConnection& connection,
                                 pqxx::transaction_base& transaction, const JobSpec& spec,
                                 const RequestKey& request, bool& repeated) {
  const pqxx::result rows = connection.Execute(
      transaction, "AddJobOnce", request.id, request.method, request.digest, spec.task_identifier,
      PayloadText(spec), spec.queue_name, RunAtText(spec), spec.priority, MaxAttempts(spec),
      spec.job_key, KeyModeText(spec), TextArray(spec.flags), spec.correlation_id, spec.metadata);
  if (rows.empty()) return {};
  repeated = rows[0][1].as<bool>();
  return ParseAddedText(rows[0][0].c_str());
}

EndResult EndResultOfLetter(char letter) {
  switch (letter) {
    case 'k':
      return EndResult::kEnded;
    case 'h':
      return EndResult::kRequested;
    case 'e':
      return EndResult::kEndedBefore;
    case 'c':
      return EndResult::kBeingCancelled;
    default:
      return EndResult::kNotFound;
  }
}

absl::Status NameIsBeingMade(const std::string& name) {
  return absl::UnavailableError(
      absl::StrCat("another transaction is adding the first job of ", name, "; try again"));
}

}  // namespace

PostgresJobStore::PostgresJobStore(PostgresDatabase& database, MetricsRegistry& metrics)
    : database_(database),
      jobs_added_(
          metrics.GetCounter("millrace_jobs_added_total", "Jobs added through this server.", {})) {}

absl::StatusOr<std::vector<AddedJob>> PostgresJobStore::AddJobs(const std::vector<JobSpec>& specs,
                                                                const RequestKey& request,
                                                                const CallLimit& call) {
  Additions additions;
  absl::Status ran = specs.size() == 1 ? AddAlone(specs, request, call, additions)
                                       : AddMany(specs, request, call, additions);
  if (!ran.ok()) return ran;
  const std::vector<AddedJob>& added = additions.jobs;
  if (added.size() < specs.size())
    return absl::InternalError("a task or a serial queue that was there has gone");
  if (additions.repeated) return std::move(additions.jobs);
  jobs_added_.Increment(
      static_cast<double>(std::count_if(added.begin(), added.end(), [](const AddedJob& job) {
        return job.result == AddResult::kCreated;
      })));
  return std::move(additions.jobs);
}

absl::Status PostgresJobStore::AddAlone(const std::vector<JobSpec>& specs,
                                        const RequestKey& request, const CallLimit& call,
                                        Additions& additions) {
  const auto add = [&] {  // in one statement that commits by itself
    return database_.Run("add_job", call, [&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      additions.jobs = request.empty() ? AddOne(connection, transaction, specs[0])
                                       : AddOneOnce(connection, transaction, specs[0], request,
                                                    additions.repeated);
    });
  };
  absl::Status ran = add();
  if (!ran.ok() || !additions.jobs.empty()) return ran;
  absl::Status made = MakeNames(specs, call);
  return made.ok() ? add() : made;
}

absl::Status PostgresJobStore::AddMany(const std::vector<JobSpec>& specs, const RequestKey& request,
                                       const CallLimit& call, Additions& additions) {
  if (absl::Status made = MakeNames(specs, call); !made.ok()) return made;
  return database_.Run("add_jobs", call, [&](PostgresConnection& connection) {
    additions = {.jobs = {}, .repeated = !request.empty()};
    pqxx::work transaction(connection.raw());
    bool complete = true;
    const auto add = [&] {
      additions.repeated = false;
      complete = AddWithin(connection, transaction, specs, additions.jobs);
      return AddedText(additions.jobs);
    };
    if (request.empty()) {
      add();
    } else {
      const std::string reply = DoOnce(connection, transaction, request, add);
      if (additions.repeated) additions.jobs = ParseAddedText(reply);
    }
    if (complete) transaction.commit();
  });
}

bool PostgresJobStore::AddWithin(PostgresConnection& connection,
                                 pqxx::transaction_base& transaction,
                                 const std::vector<JobSpec>& specs,
                                 std::vector<AddedJob>& added) const {
  for (size_t from = 0; from < specs.size();) {
    const size_t end = ChunkEnd(specs, from);
    if (FitsChunk(specs[from])) {
      AddChunk(connection, transaction, specs, from, end, added);
    } else {
      const std::vector<AddedJob> one = AddOne(connection, transaction, specs[from]);
      if (one.empty()) return false;
      added.push_back(one.front());
    }
    from = end;
  }
  connection.Execute(transaction, "AnnounceAdded");
  return true;
}

void PostgresJobStore::AddChunk(PostgresConnection& connection, pqxx::transaction_base& transaction,
                                const std::vector<JobSpec>& specs, size_t from, size_t to,
                                std::vector<AddedJob>& added) const {
  ArrayText payloads, correlation_ids, metadata;
  for (size_t i = from; i < to; ++i) {
    payloads.AddText(PayloadText(specs[i]));
    correlation_ids.AddText(specs[i].correlation_id);
    metadata.AddText(specs[i].metadata);
  }
  const JobSpec& first = specs[from];
  const pqxx::result rows = connection.Execute(
      transaction, "AddChunk", FindLane(first), RunAtText(first), first.priority,
      MaxAttempts(first), payloads.Take(), correlation_ids.Take(), metadata.Take());
  const auto first_id = rows[0][0].as<JobId>();
  for (size_t i = from; i < to; ++i)
    added.push_back({first_id + static_cast<JobId>(i - from), AddResult::kCreated});
}

absl::Status PostgresJobStore::MakeNames(const std::vector<JobSpec>& specs, const CallLimit& call) {
  for (const JobSpec& spec : specs) {
    if (FindLane(spec) != 0) continue;
    if (absl::Status made = MakeLane(spec, call); !made.ok()) return made;
  }
  std::set<std::string> queues;
  for (const JobSpec& spec : specs) {
    if (!spec.queue_name.empty()) queues.insert(spec.queue_name);
  }
  return queues.empty() ? absl::OkStatus() : MakeQueues({queues.begin(), queues.end()}, call);
}

absl::Status PostgresJobStore::MakeLane(const JobSpec& spec, const CallLimit& call) {
  int lane = 0;
  absl::Status ran = database_.Run("make_lane", call, [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    lane = connection.Execute(transaction, "MakeLane", spec.task_identifier, TextArray(spec.flags))
               .at(0)
               .at(0)
               .as<int>(0);
  });
  if (!ran.ok()) return ran;
  if (lane == 0) {
    return NameIsBeingMade(absl::StrCat("the task \"", spec.task_identifier, "\"",
                                        spec.flags.empty() ? "" : " with these flags"));
  }
  MutexLock lock(mutex_);
  lanes_[{spec.task_identifier, spec.flags}] = lane;
  return absl::OkStatus();
}

absl::Status PostgresJobStore::MakeQueues(const std::vector<std::string>& names,
                                          const CallLimit& call) {
  std::string in_the_making;
  absl::Status ran = database_.Run("make_queues", call, [&](PostgresConnection& connection) {
    in_the_making.clear();
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& missing : connection.Execute(transaction, "MissingQueues", TextArray(names))) {
      const std::string name = missing[0].c_str();
      // Each commits by itself, so that none is kept from others while we wait for the next.
      if (!connection.Execute(transaction, "MakeQueue", name)[0][0].is_null()) continue;
      in_the_making = name;
      return;
    }
  });
  if (!ran.ok() || in_the_making.empty()) return ran;
  return NameIsBeingMade(absl::StrCat("the serial queue \"", in_the_making, "\""));
}

int PostgresJobStore::FindLane(const JobSpec& spec) const {
  MutexLock lock(mutex_);
  const auto found = lanes_.find({spec.task_identifier, spec.flags});
  return found == lanes_.end() ? 0 : found->second;
}

absl::StatusOr<JobDetails> PostgresJobStore::GetJob(JobId id, const CallLimit& call) {
  std::optional<JobDetails> details;
  absl::Status ran = database_.Run("get_job", call, [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    const pqxx::result rows = connection.Execute(transaction, "DescribeJobs", IntegerArray({id}));
    if (!rows.empty()) details = ReadJobDetails(rows[0]);
  });
  if (!ran.ok()) return ran;
  if (!details.has_value()) return absl::NotFoundError(absl::StrCat("no job has the id ", id));
  return *std::move(details);
}

absl::StatusOr<std::vector<Attempt>> PostgresJobStore::ListAttempts(JobId id, int limit,
                                                                    const CallLimit& call) {
  std::vector<Attempt> attempts;
  absl::Status ran = database_.Run("list_attempts", call, [&](PostgresConnection& connection) {
    attempts.clear();
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& row : connection.Execute(transaction, "ListAttempts", id, limit))
      attempts.push_back(ReadAttempt(row));
  });
  if (!ran.ok()) return ran;
  return attempts;
}

absl::StatusOr<JobPage> PostgresJobStore::ListJobs(const JobFilter& filter,
                                                   std::optional<JobId> before, int limit,
                                                   const CallLimit& call) {
  JobPage page;
  absl::Status ran = database_.Run("list_jobs", call, [&](PostgresConnection& connection) {
    page = {};
    // One snapshot for all statements, so that a job is shown in the state for which it was picked.
    pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(connection.raw());
    const IdPage picked = WalkJobs(connection, transaction, filter, before, limit);
    page.next_before = picked.next_before;
    if (picked.ids.empty()) return;
    for (const auto& row :
         connection.Execute(transaction, "DescribeJobs", IntegerArray(picked.ids))) {
      page.jobs.push_back(ReadJobDetails(row));
    }
  });
  if (!ran.ok()) return ran;
  return page;
}

absl::StatusOr<std::vector<EndResult>> PostgresJobStore::EndJobs(const std::vector<JobId>& ids,
                                                                 JobEnding ending,
                                                                 const std::string& reason,
                                                                 const RequestKey& request,
                                                                 const CallLimit& call) {
  const char* const outcome = ending == JobEnding::kCancel ? "k" : "x";
  const absl::StatusOr<std::string> letters =
      Change("end_jobs", request, call,
             [&](PostgresConnection& connection, pqxx::transaction_base& transaction) {
               std::string results;
               for (const auto& row : connection.Execute(transaction, "EndJobs", IntegerArray(ids),
                                                         outcome, reason)) {
                 results += row[0].c_str()[0];
               }
               return results;
             });
  if (!letters.ok()) return letters.status();
  std::vector<EndResult> results;
  for (const char letter : *letters) results.push_back(EndResultOfLetter(letter));
  return results;
}

absl::StatusOr<int> PostgresJobStore::ResetOverdueJobs(absl::Duration lock_timeout,
                                                       const RequestKey& request,
                                                       const CallLimit& call) {
  const absl::StatusOr<std::string> freed =
      Change("reset_overdue_jobs", request, call,
             [&](PostgresConnection& connection, pqxx::transaction_base& transaction) {
               return std::string(connection
                                      .Execute(transaction, "ResetOverdueJobs",
                                               absl::ToInt64Milliseconds(lock_timeout))
                                      .at(0)
                                      .at(0)
                                      .c_str());
             });
  if (!freed.ok()) return freed.status();
  int count = 0;
  if (absl::SimpleAtoi(*freed, &count)) return count;
  return absl::InternalError("what was kept of a request is no number");
}

absl::StatusOr<std::string> PostgresJobStore::Change(
    const std::string& operation, const RequestKey& request, const CallLimit& call,
    const std::function<std::string(PostgresConnection&, pqxx::transaction_base&)>& change) {
  std::string reply;
  absl::Status ran = database_.Run(operation, call, [&](PostgresConnection& connection) {
    if (request.empty()) {  // in one statement that commits by itself
      pqxx::nontransaction transaction(connection.raw());
      reply = change(connection, transaction);
      return;
    }
    pqxx::work transaction(connection.raw());
    reply =
        DoOnce(connection, transaction, request, [&] { return change(connection, transaction); });
    transaction.commit();
  });
  if (!ran.ok()) return ran;
  return reply;
}

absl::Status PostgresJobStore::Ping() {
  bool read_only = false;
  absl::Status ran = database_.Run("ping", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    read_only = connection.Execute(transaction, "Ping")[0][0].as<bool>();
  });
  if (!ran.ok() || !read_only) return ran;
  return absl::UnavailableError("it is read-only");
}

}  // namespace millrace
