#pragma once

#include <pqxx/pqxx>
#include <string>

#include "server/store/postgres/postgres_connection.h"

namespace millrace {

// By this the fate of a transaction can be asked, should the answer to its commit be lost.
std::string ReadTransactionId(PostgresConnection& connection, pqxx::transaction_base& transaction);

// Whether a transaction that has ended did commit. Asked in a later one.
bool HasCommitted(PostgresConnection& connection, pqxx::transaction_base& transaction,
                  const std::string& transaction_id);

}  // namespace millrace
