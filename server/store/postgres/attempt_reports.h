#pragma once

#include <pqxx/pqxx>
#include <vector>

#include "server/model/attempt.h"
#include "server/store/pool_store.h"
#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// The letter of an outcome in attempt_outcome, and back.
char OutcomeLetter(AttemptOutcome outcome);
AttemptOutcome OutcomeOfLetter(char letter);

// Whether the report takes the short way of the statement CompletePlain.
bool IsPlainCompletion(const AttemptReport& report);

// Both run inside `transaction` and fill in, for reports[positions[i]], verdicts[positions[i]];
// they return the database's time. CompletePlain throws pqxx::unique_violation if a report came
// before. REQUIRES: positions is not empty.
absl::Time CompletePlain(PostgresConnection& connection, pqxx::transaction_base& transaction,
                         WorkerNumber worker, const std::vector<AttemptReport>& reports,
                         const std::vector<size_t>& positions,
                         std::vector<RecordVerdict>& verdicts);
absl::Time Settle(PostgresConnection& connection, pqxx::transaction_base& transaction,
                  WorkerNumber worker, const std::vector<AttemptReport>& reports,
                  const std::vector<size_t>& positions, std::vector<RecordVerdict>& verdicts);

// Makes holds available again, through Settle.
std::vector<RecordVerdict> SettleAsGivenBack(PostgresConnection& connection,
                                             pqxx::transaction_base& transaction,
                                             WorkerNumber worker, const std::vector<Hold>& holds);

}  // namespace millrace
