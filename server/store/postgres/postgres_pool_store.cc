#include "server/store/postgres/postgres_pool_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "server/store/postgres/attempt_reports.h"
#include "server/store/postgres/job_rows.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

constexpr int kPromoteRows = 1000;

absl::Status LeaseEnded() {
  return absl::FailedPreconditionError("the lease of this worker was ended; it must register anew");
}

// The columns of ClaimJobs.
enum ClaimColumn {
  kId,
  kPayload,
  kQueue,
  kJobKey,
  kCorrelationId,
  kMetadata,
  kRemembered,
  kClaimId,
  kLane,
  kPriority,
  kAttempt,
  kRunAt,
  kMaxAttempts,
  kCreatedAt,
  kClaimedAt
};

}  // namespace

absl::StatusOr<WorkerNumber> PostgresPoolStore::RegisterWorker(
    const WorkerRegistration& registration) {
  WorkerNumber number = 0;
  absl::Status ran = database_.Run("register_worker", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    number =
        connection
            .Execute(transaction, "RegisterWorker", registration.worker_id, registration.pool_name,
                     registration.host, registration.pid, registration.version,
                     absl::ToInt64Milliseconds(registration.lease_ttl))[0][0]
            .as<WorkerNumber>();
  });
  if (!ran.ok()) return ran;
  return number;
}

absl::Status PostgresPoolStore::Heartbeat(WorkerNumber worker) {
  bool alive = false;
  absl::Status ran = database_.Run("heartbeat", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    alive = !connection.Execute(transaction, "Heartbeat", worker).empty();
  });
  return ran.ok() && !alive ? LeaseEnded() : ran;
}

absl::Status PostgresPoolStore::AnnounceIdle(WorkerNumber worker, bool idle) {
  bool alive = false;
  absl::Status ran = database_.Run("announce_idle", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    alive = !connection.Execute(transaction, "AnnounceIdle", worker, idle).empty();
  });
  return ran.ok() && !alive ? LeaseEnded() : ran;
}

absl::Status PostgresPoolStore::EndWorker(WorkerNumber worker) { return Rescue(worker).status(); }

absl::StatusOr<std::optional<absl::Duration>> PostgresPoolStore::PromoteDue() {
  std::optional<absl::Duration> next_due;
  absl::Status ran = database_.Run("promote_due", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    const pqxx::row row = connection.Execute(transaction, "PromoteDue", kPromoteRows)[0];
    if (!row[1].is_null()) next_due = absl::Milliseconds(row[1].as<int64_t>());
  });
  if (!ran.ok()) return ran;
  return next_due;
}

absl::StatusOr<std::vector<bool>> PostgresPoolStore::RecordLastAttemptStarts(
    const std::vector<Hold>& holds) {
  std::vector<bool> held(holds.size(), false);
  absl::Status ran =
      database_.Run("record_last_attempt_starts", [&](PostgresConnection& connection) {
        ArrayText claims, jobs;
        for (const Hold& hold : holds) {
          claims.AddInteger(hold.claim_id);
          jobs.AddInteger(hold.job_id);
        }
        pqxx::nontransaction transaction(connection.raw());
        for (const auto& row : connection.Execute(transaction, "RecordLastAttemptStarts",
                                                  claims.Take(), jobs.Take())) {
          held[row[0].as<size_t>() - 1] = true;
        }
      });
  if (!ran.ok()) return ran;
  return held;
}

absl::StatusOr<RecordResult> PostgresPoolStore::Record(WorkerNumber worker,
                                                       const std::vector<AttemptReport>& reports) {
  RecordResult result;
  result.verdicts.assign(reports.size(), RecordVerdict::kStale);
  std::vector<size_t> plain, others, all;
  for (size_t i = 0; i < reports.size(); ++i) {
    (IsPlainCompletion(reports[i]) ? plain : others).push_back(i);
    all.push_back(i);
  }
  if (all.empty()) return result;
  absl::Status ran;
  if (others.empty()) {  // the common case, in one statement that commits by itself
    ran = database_.Run("complete_plain", [&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      result.recorded_at =
          CompletePlain(connection, transaction, worker, reports, plain, result.verdicts);
    });
    if (!absl::IsAlreadyExists(ran)) return ran.ok() ? absl::StatusOr<RecordResult>(result) : ran;
    std::swap(plain, others);  // one was reported before: settle tells which
  }
  ran = database_.Run("settle", [&](PostgresConnection& connection) {
    pqxx::work transaction(connection.raw());
    if (!plain.empty())
      CompletePlain(connection, transaction, worker, reports, plain, result.verdicts);
    result.recorded_at = Settle(connection, transaction, worker, reports, others, result.verdicts);
    transaction.commit();
  });
  if (absl::IsAlreadyExists(ran)) {
    ran = database_.Run("settle", [&](PostgresConnection& connection) {
      pqxx::work transaction(connection.raw());
      result.recorded_at = Settle(connection, transaction, worker, reports, all, result.verdicts);
      transaction.commit();
    });
  }
  if (!ran.ok()) return ran;
  return result;
}

absl::StatusOr<std::vector<RecordVerdict>> PostgresPoolStore::GiveBack(
    WorkerNumber worker, const std::vector<Hold>& holds) {
  std::vector<RecordVerdict> verdicts;
  if (holds.empty()) return verdicts;
  absl::Status ran = database_.Run("give_back", [&](PostgresConnection& connection) {
    pqxx::work transaction(connection.raw());
    verdicts = SettleAsGivenBack(connection, transaction, worker, holds);
    transaction.commit();
  });
  if (!ran.ok()) return ran;
  return verdicts;
}

absl::StatusOr<std::vector<WorkerLease>> PostgresPoolStore::ListLeases() {
  std::vector<WorkerLease> leases;
  absl::Status ran = database_.Run("list_leases", [&](PostgresConnection& connection) {
    leases.clear();
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& row : connection.Execute(transaction, "ListLeases")) {
      leases.push_back({row[0].as<WorkerNumber>(), row[1].c_str(), row[2].as<int64_t>(),
                        absl::Milliseconds(row[3].as<int64_t>())});
    }
  });
  if (!ran.ok()) return ran;
  return leases;
}

absl::StatusOr<std::vector<RescuedJob>> PostgresPoolStore::Rescue(WorkerNumber worker) {
  std::vector<RescuedJob> rescued;
  absl::Status ran = database_.Run("rescue", [&](PostgresConnection& connection) {
    rescued.clear();
    pqxx::work transaction(connection.raw());
    std::map<JobId, bool> exhausted;
    ArrayText ids;
    for (const auto& row : connection.Execute(transaction, "Rescue", worker)) {
      exhausted[row[0].as<JobId>()] = row[1].as<bool>();
      ids.AddInteger(row[0].as<JobId>());
    }
    if (!exhausted.empty()) {
      for (const auto& row : connection.Execute(transaction, "DescribeJobs", ids.Take())) {
        JobDetails details = ReadJobDetails(row);
        const bool ended = exhausted.at(details.job.id);
        rescued.push_back({std::move(details.job), ended});
      }
    }
    transaction.commit();
  });
  if (!ran.ok()) return ran;
  return rescued;
}

// Turns the rows of ClaimJobs into jobs. What a chunk shares stands in its first row only. Used
// from one thread.
class PostgresPoolStore::ClaimDecoder {
 public:
  explicit ClaimDecoder(const PostgresPoolStore& store) : store_(store) {}

  ClaimedJob Decode(const pqxx::row& row) {
    if (!row[kLane].is_null()) BeginChunk(row);
    ClaimedJob claimed = chunk_;
    claimed.job.id = row[kId].as<JobId>();
    claimed.job.payload.assign(row[kPayload].c_str(), row[kPayload].size());
    if (!row[kQueue].is_null()) claimed.job.queue_name = store_.FindQueue(row[kQueue].as<int>());
    claimed.job.job_key = row[kJobKey].c_str();
    claimed.job.correlation_id = row[kCorrelationId].c_str();
    claimed.job.metadata.assign(row[kMetadata].c_str(), row[kMetadata].size());
    claimed.plain = plain_chunk_ && row[kQueue].is_null() && row[kJobKey].is_null();
    return claimed;
  }
  int chunks() const { return chunks_; }

 private:
  void BeginChunk(const pqxx::row& row) {
    ++chunks_;
    const auto lane = store_.FindLane(row[kLane].as<int>());
    if (lane != nullptr) {
      chunk_.job.task_identifier = lane->task_identifier;
      chunk_.job.flags = lane->flags;
    }
    chunk_.claim_id = row[kClaimId].as<ClaimId>();
    chunk_.job.priority = row[kPriority].as<int>();
    chunk_.job.attempt = row[kAttempt].as<int>();
    chunk_.job.max_attempts = row[kMaxAttempts].as<int>();
    chunk_.job.run_at = ParseTimestamp(row[kRunAt].c_str());
    chunk_.job.created_at = ParseTimestamp(row[kCreatedAt].c_str());
    chunk_.queue_time_at_claim = ParseTimestamp(row[kClaimedAt].c_str()) - chunk_.job.run_at;
    plain_chunk_ = !row[kRemembered].as<bool>();
  }

  const PostgresPoolStore& store_;
  ClaimedJob chunk_;
  bool plain_chunk_ = true;
  int chunks_ = 0;
};

absl::StatusOr<std::vector<ClaimedJob>> PostgresPoolStore::Claim(const ClaimRequest& request) {
  std::vector<ClaimedJob> claimed;
  absl::Status ran = database_.Run("claim", [&](PostgresConnection& connection) {
    claimed.clear();
    pqxx::nontransaction transaction(connection.raw());
    const pqxx::result rows = connection.ExecuteWithRows(
        RowsToLock(request.max_jobs), transaction, "ClaimJobs", request.max_jobs, request.worker,
        TextArray(request.task_identifiers), TextArray(request.forbidden_flags),
        request.task_identifiers.empty());
    if (rows.empty()) return;
    // From here on the jobs are ours: an error below would leave them to the end of our lease.
    LearnNames(connection, transaction, rows);
    ClaimDecoder decoder(*this);
    std::map<JobId, size_t> remembered;
    claimed.reserve(rows.size());
    for (const auto& row : rows) {
      claimed.push_back(decoder.Decode(row));
      if (row[kRemembered].c_str()[0] == 't')
        remembered[claimed.back().job.id] = claimed.size() - 1;
    }
    jobs_per_row_ = static_cast<double>(claimed.size()) / decoder.chunks();
    if (!remembered.empty()) ReadMemories(connection, transaction, remembered, claimed);
  });
  if (!ran.ok()) return ran;
  return claimed;
}

int PostgresPoolStore::RowsToLock(int max_jobs) const {
  const double wanted = max_jobs / jobs_per_row_.load() + 1;
  for (const int rows : {4, 16, 64, 256, 1024}) {
    if (rows >= wanted) return rows;
  }
  return 4096;
}

void PostgresPoolStore::LearnNames(PostgresConnection& connection,
                                   pqxx::transaction_base& transaction, const pqxx::result& rows) {
  std::set<int64_t> lanes, queues;
  for (const auto& row : rows) {
    if (!row[kLane].is_null() && FindLane(row[kLane].as<int>()) == nullptr)
      lanes.insert(row[kLane].as<int>());
    if (!row[kQueue].is_null() && FindQueue(row[kQueue].as<int>()).empty())
      queues.insert(row[kQueue].as<int>());
  }
  if (!lanes.empty()) {
    const pqxx::result found =
        connection.Execute(transaction, "ReadLanes", IntegerArray({lanes.begin(), lanes.end()}));
    MutexLock lock(mutex_);
    for (const auto& row : found) {
      lanes_[row[0].as<int>()] =
          std::make_shared<const Lane>(Lane{row[1].c_str(), StringsFromJson(row[2].c_str())});
    }
  }
  if (!queues.empty()) {
    const pqxx::result found = connection.Execute(transaction, "ReadQueueNames",
                                                  IntegerArray({queues.begin(), queues.end()}));
    MutexLock lock(mutex_);
    for (const auto& row : found) queues_[row[0].as<int>()] = row[1].c_str();
  }
}

std::shared_ptr<const PostgresPoolStore::Lane> PostgresPoolStore::FindLane(int lane) const {
  MutexLock lock(mutex_);
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : found->second;
}

std::string PostgresPoolStore::FindQueue(int queue) const {
  MutexLock lock(mutex_);
  const auto found = queues_.find(queue);
  return found == queues_.end() ? "" : found->second;
}

}  // namespace millrace
