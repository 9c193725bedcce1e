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

// Both run inside `transaction` and fill in the result for reports[positions[i]], where it has room
// for all. CompletePlain finds those stale, too, that were recorded before with the last of their
// claim; Settle tells them apart. CompletePlain throws pqxx::unique_violation if a report came
// before. REQUIRES: positions is not empty.
void CompletePlain(PostgresConnection& connection, pqxx::transaction_base& transaction,
                   WorkerNumber worker, const std::vector<AttemptReport>& reports,
                   const std::vector<size_t>& positions, RecordResult& result);
void Settle(PostgresConnection& connection, pqxx::transaction_base& transaction,
            WorkerNumber worker, const std::vector<AttemptReport>& reports,
            const std::vector<size_t>& positions, RecordResult& result);

// Makes holds, of which there are some, available again, through Settle.
RecordResult SettleAsGivenBack(PostgresConnection& connection, pqxx::transaction_base& transaction,
                               WorkerNumber worker, const std::vector<Hold>& holds);

}  // namespace millrace
