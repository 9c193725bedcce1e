#include "server/store/postgres/attempt_reports.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "server/model/outcome_limits.h"
#include "server/model/utf8.h"
#include "server/store/postgres/binary_array.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

// In the order of AttemptOutcome.
constexpr char kLetters[] = "cfpskil";
constexpr char kGivenBack = 'g';
constexpr char kFailedForGood = 'x';

RecordVerdict VerdictOfLetter(char letter) {
  switch (letter) {
    case 'a':
      return RecordVerdict::kAccepted;
    case 's':
      return RecordVerdict::kCancelled;
    case 'x':
      return RecordVerdict::kFailedForGood;
    case 'w':
      return RecordVerdict::kBusy;
    default:
      return RecordVerdict::kStale;
  }
}

// The arrays of the statement Settle, one element each per report.
struct SettleArrays {
  ArrayText claims, jobs, outcomes, attempts, exhausted, delays, executions, queue_times, messages,
      details, results, partials;

  void Add(const AttemptReport& report, char outcome) {
    claims.AddInteger(report.claim_id);
    jobs.AddInteger(report.job_id);
    outcomes.AddText(std::string_view(&outcome, 1));
    attempts.AddInteger(report.attempt);
    exhausted.AddBoolean(report.exhausted);
    delays.AddInteger(absl::ToInt64Milliseconds(report.delay));
    executions.AddInteger(absl::ToInt64Microseconds(report.execution_time));
    queue_times.AddInteger(absl::ToInt64Microseconds(report.queue_time));
    messages.AddText(CleanUtf8(report.error_message, OutcomeLimits::kMessageBytes));
    details.AddText(CleanUtf8(report.error_detail, OutcomeLimits::kDetailBytes));
    results.AddText(report.result);
    partials.AddText(
        report.partial_success.has_value() ? PartialSuccessToJson(*report.partial_success) : "");
  }

  pqxx::result Execute(PostgresConnection& connection, pqxx::transaction_base& transaction,
                       WorkerNumber worker) {
    return connection.Execute(transaction, "Settle", worker, claims.Take(), jobs.Take(),
                              outcomes.Take(), attempts.Take(), exhausted.Take(), delays.Take(),
                              executions.Take(), queue_times.Take(), messages.Take(),
                              details.Take(), results.Take(), partials.Take());
  }
};

// The arrays of the statement CompletePlain. Reports of one claim and attempt, added one after the
// other, are one group.
class CompletionArrays {
 public:
  explicit CompletionArrays(size_t size) : jobs_(size), executions_(size), queue_times_(size) {}

  void Add(const AttemptReport& report) {
    if (added_ == 0 || report.claim_id != claim_id_ || report.attempt != attempt_) {
      EndGroup();
      claim_id_ = report.claim_id;
      attempt_ = report.attempt;
      claims_.AddInteger(claim_id_);
      attempts_.AddInteger(attempt_);
      firsts_.AddInteger(added_ + 1);
    }
    ++added_;
    jobs_.Add(report.job_id);
    executions_.Add(absl::ToInt64Microseconds(report.execution_time));
    queue_times_.Add(absl::ToInt64Microseconds(report.queue_time));
  }

  pqxx::result Execute(PostgresConnection& connection, pqxx::transaction_base& transaction,
                       WorkerNumber worker) {
    EndGroup();
    return connection.Execute(transaction, "CompletePlain", claims_.Take(), attempts_.Take(),
                              firsts_.Take(), lasts_.Take(), jobs_.Take(), executions_.Take(),
                              queue_times_.Take(), worker);
  }

 private:
  void EndGroup() {
    if (added_ > 0) lasts_.AddInteger(added_);
  }

  ArrayText claims_, attempts_, firsts_, lasts_;
  BinaryArray jobs_, executions_, queue_times_;
  int64_t added_ = 0;
  // Of the last report.
  ClaimId claim_id_ = 0;
  int attempt_ = 0;
};

// The positions so that reports of one claim and attempt stand together.
std::vector<size_t> InGroups(const std::vector<AttemptReport>& reports,
                             std::vector<size_t> positions) {
  // Positions last, so that the order within a group stays.
  const auto before = [&](size_t a, size_t b) {
    return std::tuple(reports[a].claim_id, reports[a].attempt, a) <
           std::tuple(reports[b].claim_id, reports[b].attempt, b);
  };
  if (!std::is_sorted(positions.begin(), positions.end(), before))
    std::sort(positions.begin(), positions.end(), before);
  return positions;
}

// The answer of Settle, by job: a job is named once in a call.
class SettleAnswer {
 public:
  explicit SettleAnswer(const pqxx::result& rows) : rows_(rows) {
    for (const auto& row : rows_) places_[row[1].as<JobId>()] = row.rownumber();
  }

  // Fills in what is answered for this job.
  void CopyTo(JobId job, size_t position, RecordResult& result) const {
    const pqxx::row row = rows_[places_.at(job)];
    result.verdicts[position] = VerdictOfLetter(row[2].c_str()[0]);
    result.recorded_at[position] = ParseTimestamp(row[3].c_str());
    if (!row[4].is_null()) result.reasons[position] = row[4].c_str();
  }

 private:
  const pqxx::result rows_;
  absl::flat_hash_map<JobId, pqxx::result::size_type> places_;
};

}  // namespace

char OutcomeLetter(AttemptOutcome outcome) { return kLetters[static_cast<size_t>(outcome)]; }

AttemptOutcome OutcomeOfLetter(char letter) {
  if (letter == kFailedForGood) return AttemptOutcome::kFailed;
  const std::string_view letters(kLetters);
  return static_cast<AttemptOutcome>(std::min(letters.find(letter), letters.size() - 1));
}

bool IsPlainCompletion(const AttemptReport& report) {
  return report.plain && report.outcome == AttemptOutcome::kCompleted && report.result.empty();
}

void CompletePlain(PostgresConnection& connection, pqxx::transaction_base& transaction,
                   WorkerNumber worker, const std::vector<AttemptReport>& reports,
                   const std::vector<size_t>& positions, RecordResult& result) {
  CompletionArrays arrays(positions.size());
  for (const size_t position : InGroups(reports, positions)) {
    arrays.Add(reports[position]);
    result.verdicts[position] = RecordVerdict::kAccepted;
  }
  const pqxx::result rows = arrays.Execute(connection, transaction, worker);
  absl::flat_hash_set<JobId> stale;
  absl::Time recorded_at;
  for (const auto& row : rows) {
    if (row[1].is_null()) {
      recorded_at = ParseTimestamp(row[2].c_str());
    } else {
      stale.insert(row[1].as<JobId>());
    }
  }
  for (const size_t position : positions) result.recorded_at[position] = recorded_at;
  if (stale.empty()) return;
  for (const size_t position : positions) {
    if (stale.contains(reports[position].job_id)) result.verdicts[position] = RecordVerdict::kStale;
  }
}

void Settle(PostgresConnection& connection, pqxx::transaction_base& transaction,
            WorkerNumber worker, const std::vector<AttemptReport>& reports,
            const std::vector<size_t>& positions, RecordResult& result) {
  SettleArrays arrays;
  for (const size_t position : positions)
    arrays.Add(reports[position], OutcomeLetter(reports[position].outcome));
  const SettleAnswer answer(arrays.Execute(connection, transaction, worker));
  for (const size_t position : positions) answer.CopyTo(reports[position].job_id, position, result);
}

RecordResult SettleAsGivenBack(PostgresConnection& connection, pqxx::transaction_base& transaction,
                               WorkerNumber worker, const std::vector<Hold>& holds) {
  SettleArrays arrays;
  for (const Hold& hold : holds) {
    AttemptReport report;
    report.claim_id = hold.claim_id;
    report.job_id = hold.job_id;
    arrays.Add(report, kGivenBack);
  }
  const SettleAnswer answer(arrays.Execute(connection, transaction, worker));
  RecordResult result;
  result.verdicts.resize(holds.size());
  result.recorded_at.resize(holds.size());
  for (size_t i = 0; i < holds.size(); ++i) answer.CopyTo(holds[i].job_id, i, result);
  return result;
}

}  // namespace millrace
