#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/store/job_store.h"
#include "server/store/postgres/postgres_connection.h"
#include "server/store/request_key.h"

namespace millrace {

// The reply to a request: that which was given before, or that which `change` gives now and which
// is kept then. Both in `transaction`, which the caller commits; it is aborted if the same request
// was made at the same time. REQUIRES: !request.empty().
std::string DoOnce(PostgresConnection& connection, pqxx::transaction_base& transaction,
                   const RequestKey& request, const std::function<std::string()>& change);

// How added jobs are kept as a reply: "17c 18e", with the first letters of created, updated and
// existing. In the order of `added`.
std::string AddedText(const std::vector<AddedJob>& added);
// Throws, as libpqxx does, for a text that AddedText does not make.
std::vector<AddedJob> ParseAddedText(const std::string& text);

// By the first letter of its name.
AddResult AddResultOf(char letter);

}  // namespace millrace
