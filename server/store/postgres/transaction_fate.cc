#include "server/store/postgres/transaction_fate.h"

namespace millrace {

std::string ReadTransactionId(PostgresConnection& connection, pqxx::transaction_base& transaction) {
  return connection.Execute(transaction, "ReadTransactionId")[0][0].c_str();
}

bool HasCommitted(PostgresConnection& connection, pqxx::transaction_base& transaction,
                  const std::string& transaction_id) {
  return connection.Execute(transaction, "HasCommitted", transaction_id)[0][0].as<bool>();
}

}  // namespace millrace
