#include "server/store/postgres/postgres_pool_store.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "server/model/utf8.h"
#include "server/store/postgres/attempt_reports.h"
#include "server/store/postgres/claim_rows.h"
#include "server/store/postgres/job_rows.h"
#include "server/store/postgres/postgres_text.h"
#include "server/store/postgres/transaction_fate.h"

namespace millrace {
namespace {

constexpr int kPromoteRows = 1000;
// What keeps the lease must not wait for a connection that has gone dumb while another would do.
constexpr absl::Duration kLeaseCallLimit = absl::Seconds(5);

// Those of these positions whose reports were found stale.
std::vector<size_t> StaleOnes(const std::vector<size_t>& positions, const RecordResult& result) {
  std::vector<size_t> stale;
  for (const size_t position : positions) {
    if (result.verdicts[position] == RecordVerdict::kStale) stale.push_back(position);
  }
  return stale;
}

// Holds as two parameters of the type bigint[].
struct HoldArrays {
  explicit HoldArrays(const std::vector<Hold>& holds) {
    ArrayText claim_ids, job_ids;
    for (const Hold& hold : holds) {
      claim_ids.AddInteger(hold.claim_id);
      job_ids.AddInteger(hold.job_id);
    }
    claims = claim_ids.Take();
    jobs = job_ids.Take();
  }

  std::string claims;
  std::string jobs;
};

// An answer that did not come in time is no different from a database that is away.
absl::Status RunForLease(PostgresDatabase& database, const std::string& operation,
                         const std::function<void(PostgresConnection&)>& body) {
  absl::Status ran = database.Run(operation, CallLimit(kLeaseCallLimit, nullptr), body);
  if (!absl::IsDeadlineExceeded(ran)) return ran;
  return absl::UnavailableError("database: no answer in time");
}

absl::Status LeaseEnded() {
  return absl::FailedPreconditionError("the lease of this worker was ended; it must register anew");
}

}  // namespace

absl::StatusOr<WorkerNumber> PostgresPoolStore::RegisterWorker(
    const WorkerRegistration& registration) {
  WorkerNumber number = 0;
  absl::Status ran = RunForLease(database_, "register_worker", [&](PostgresConnection& connection) {
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
  absl::Status ran = RunForLease(database_, "heartbeat", [&](PostgresConnection& connection) {
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

absl::Status PostgresPoolStore::EndWorker(WorkerNumber worker) {
  return RunForLease(database_, "end_worker", [&](PostgresConnection& connection) {
    pqxx::work transaction(connection.raw());
    connection.Execute(transaction, "LimitLockWaits");
    connection.Execute(transaction, "Rescue", worker);
    transaction.commit();
  });
}

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
        const HoldArrays arrays(holds);
        pqxx::nontransaction transaction(connection.raw());
        for (const auto& row : connection.Execute(transaction, "RecordLastAttemptStarts",
                                                  arrays.claims, arrays.jobs)) {
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
  result.recorded_at.resize(reports.size());
  std::vector<size_t> plain, others;
  for (size_t i = 0; i < reports.size(); ++i) {
    (IsPlainCompletion(reports[i]) ? plain : others).push_back(i);
  }
  if (reports.empty()) return result;
  if (others.empty()) {  // the common case, in one statement that commits by itself
    absl::Status ran = database_.Run("complete_plain", [&](PostgresConnection& connection) {
      pqxx::nontransaction transaction(connection.raw());
      CompletePlain(connection, transaction, worker, reports, plain, result);
    });
    if (!ran.ok() && !absl::IsAlreadyExists(ran)) return ran;
    // Whether it was recorded before only Settle tells.
    others = ran.ok() ? StaleOnes(plain, result) : plain;
    plain.clear();
    if (others.empty()) return result;
  }
  absl::Status ran = RecordTogether(worker, reports, plain, others, result);
  if (absl::IsAlreadyExists(ran)) {
    others.insert(others.end(), plain.begin(), plain.end());
    ran = RecordTogether(worker, reports, {}, others, result);
  }
  if (!ran.ok()) return ran;
  return result;
}

absl::Status PostgresPoolStore::RecordTogether(WorkerNumber worker,
                                               const std::vector<AttemptReport>& reports,
                                               const std::vector<size_t>& plain,
                                               const std::vector<size_t>& others,
                                               RecordResult& result) {
  return database_.Run("settle", [&](PostgresConnection& connection) {
    pqxx::work transaction(connection.raw());
    result.reasons.clear();
    std::vector<size_t> to_settle = others;
    if (!plain.empty()) {
      CompletePlain(connection, transaction, worker, reports, plain, result);
      const std::vector<size_t> stale = StaleOnes(plain, result);
      to_settle.insert(to_settle.end(), stale.begin(), stale.end());
    }
    if (!to_settle.empty()) {
      Settle(connection, transaction, worker, reports, to_settle, result);
    }
    transaction.commit();
  });
}

absl::StatusOr<std::optional<absl::Time>> PostgresPoolStore::FindCompletion(const Hold& hold) {
  std::optional<absl::Time> completed_at;
  absl::Status ran = database_.Run("find_completion", [&](PostgresConnection& connection) {
    completed_at.reset();
    // Two statements, so that the second one sees what the first has waited for.
    pqxx::work transaction(connection.raw());
    connection.Execute(transaction, "LockClaim", hold.claim_id);
    const pqxx::result rows =
        connection.Execute(transaction, "FindCompletion", hold.job_id, hold.claim_id);
    if (!rows.empty()) completed_at = ParseTimestamp(rows[0][0].c_str());
  });
  if (!ran.ok()) return ran;
  return completed_at;
}

absl::StatusOr<RecordResult> PostgresPoolStore::GiveBack(WorkerNumber worker,
                                                         const std::vector<Hold>& holds) {
  RecordResult result;
  if (holds.empty()) return result;
  std::string transaction_id;
  bool committing = false;
  absl::Status ran = database_.Run("give_back", [&](PostgresConnection& connection) {
    committing = false;
    pqxx::work transaction(connection.raw());
    result = SettleAsGivenBack(connection, transaction, worker, holds);
    given_back_in_doubt_.Resolve(connection, transaction, holds, result);
    transaction_id = ReadTransactionId(connection, transaction);
    committing = true;
    transaction.commit();
  });
  if (ran.ok()) {
    given_back_in_doubt_.Forget(holds);
    return result;
  }
  if (committing) given_back_in_doubt_.Keep(transaction_id, holds, result);
  return ran;
}

absl::Status PostgresPoolStore::NoteKept(const std::vector<Hold>& holds) {
  return database_.Run("note_kept", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    const HoldArrays arrays(holds);
    connection.Execute(transaction, "NoteKept", arrays.claims, arrays.jobs);
  });
}

absl::StatusOr<std::vector<bool>> PostgresPoolStore::WriteProgress(
    const std::vector<ProgressReport>& reports) {
  std::vector<bool> written(reports.size(), false);
  ArrayText claims, jobs, percents, messages, counters;
  for (const ProgressReport& report : reports) {
    claims.AddInteger(report.hold.claim_id);
    jobs.AddInteger(report.hold.job_id);
    percents.AddReal(report.progress.percent);
    messages.AddText(CleanUtf8(report.progress.message, ProgressLimits::kMessageBytes));
    counters.AddText(CountersToJson(report.progress.counters));
  }
  const std::string claim_ids = claims.Take(), job_ids = jobs.Take(),
                    all_percents = percents.Take(), all_messages = messages.Take(),
                    all_counters = counters.Take();
  absl::Status ran = database_.Run("write_progress", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& row : connection.Execute(transaction, "WriteProgress", claim_ids, job_ids,
                                              all_percents, all_messages, all_counters)) {
      written[row[0].as<size_t>() - 1] = true;
    }
  });
  if (!ran.ok()) return ran;
  return written;
}

absl::StatusOr<std::vector<Hold>> PostgresPoolStore::ListCancelled(WorkerNumber worker) {
  std::vector<Hold> holds;
  absl::Status ran = RunForLease(database_, "list_cancelled", [&](PostgresConnection& connection) {
    holds.clear();
    pqxx::nontransaction transaction(connection.raw());
    for (const auto& row : connection.Execute(transaction, "ListCancelled", worker))
      holds.push_back({row[0].as<ClaimId>(), row[1].as<JobId>()});
  });
  if (!ran.ok()) return ran;
  return holds;
}

absl::StatusOr<std::vector<WorkerLease>> PostgresPoolStore::ListLeases() {
  std::vector<WorkerLease> leases;
  absl::Status ran = RunForLease(database_, "list_leases", [&](PostgresConnection& connection) {
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
  std::vector<RescueInDoubt> doubtful = in_doubt_.Take(worker);
  RescueInDoubt rescue;
  bool committing = false;
  absl::Status ran = RunForLease(database_, "rescue", [&](PostgresConnection& connection) {
    committing = false;
    pqxx::work transaction(connection.raw());
    rescue.Run(connection, transaction, worker);
    // An earlier one that was in doubt is decided by now: it had locked the worker's row, too.
    for (RescueInDoubt& earlier : doubtful) earlier.Resolve(connection, transaction);
    committing = true;
    transaction.commit();
  });
  if (!ran.ok()) {
    if (committing && !rescue.jobs.empty()) doubtful.push_back(std::move(rescue));
    in_doubt_.Keep(worker, std::move(doubtful));
    return ran;
  }
  for (RescueInDoubt& earlier : doubtful) earlier.AddCommittedTo(rescue.jobs);
  return std::move(rescue.jobs);
}

absl::StatusOr<std::vector<ClaimedJob>> PostgresPoolStore::Claim(const ClaimRequest& request) {
  std::vector<ClaimedJob> claimed;
  absl::Status ran = database_.Run("claim", [&](PostgresConnection& connection) {
    claimed.clear();
    pqxx::nontransaction transaction(connection.raw());
    const int row_count = RowsToTake(request.max_jobs);
    const pqxx::result result = connection.ExecuteWithRows(
        ClaimRowLimit(row_count), transaction, "ClaimJobs", request.max_jobs, request.worker,
        TextArray(request.task_identifiers), TextArray(request.forbidden_flags),
        request.task_identifiers.empty(), row_count, request.number);
    if (result.empty()) return;
    // From here on the jobs are ours, and an error below leaves them to TakeBackClaim.
    ClaimRows rows(result);
    names_.Learn(connection, transaction, rows.Lanes(), rows.Queues());
    claimed = rows.Decode(names_);
    jobs_per_row_ = rows.jobs_per_row();
    if (!rows.remembered().empty())
      ReadMemories(connection, transaction, rows.remembered(), claimed);
  });
  if (!ran.ok()) return ran;
  return claimed;
}

absl::StatusOr<bool> PostgresPoolStore::TakeBackClaim(WorkerNumber worker, int64_t number) {
  bool done = false;
  absl::Status ran = database_.Run("take_back_claim", [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    done = connection.Execute(transaction, "TakeBackClaim", worker, number)[0][0].as<bool>();
  });
  if (!ran.ok()) return ran;
  return done;
}

int PostgresPoolStore::RowsToTake(int max_jobs) const {
  const double rows = std::ceil(max_jobs / jobs_per_row_.load());
  return static_cast<int>(std::clamp(rows, 1.0, static_cast<double>(kMaxClaimRows)));
}

}  // namespace millrace
