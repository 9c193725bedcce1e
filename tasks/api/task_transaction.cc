#include "tasks/api/task_transaction.h"

#include "absl/strings/str_cat.h"
#include "server/model/sql_verb.h"

namespace millrace {

absl::StatusOr<SqlRows> TaskTransaction::Execute(SqlText sql,
                                                 const std::vector<SqlValue>& parameters) {
  switch (VerbOf(sql.text())) {
    case SqlVerb::kEndsTransaction:
      return absl::InvalidArgumentError(
          "sql: the transaction of a handler begins and ends with it, not by a statement");
    case SqlVerb::kCopies:
      return absl::InvalidArgumentError("sql: copy is not possible here");
    case SqlVerb::kWithinTransaction:
    case SqlVerb::kChangesSession:
      break;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].has_value() || parameters[i]->find('\0') == std::string::npos) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("parameters[", i, "]: must not hold a zero byte"));
  }
  return ExecuteChecked(std::string(sql.text()), parameters);
}

}  // namespace millrace
