#include "server/store/postgres/postgres_handler_store.h"

#include <utility>

#include "server/store/postgres/postgres_handler_transaction.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<HandlerTransaction>> PostgresHandlerStore::BeginTransaction(
    std::stop_token stop) {
  const CallLimit limit(absl::InfiniteDuration(), [stop] { return stop.stop_requested(); });
  for (bool again = false;; again = true) {
    auto connection = database_.Borrow(limit, absl::InfiniteDuration());
    if (!connection.ok()) return connection.status();
    auto transaction = std::make_unique<PostgresHandlerTransaction>(database_, jobs_,
                                                                    *std::move(connection), stop);
    absl::Status begun = transaction->Begin();
    if (begun.ok()) return transaction;
    // A connection that was idle may have been lost since; the next one is new.
    if (again || !absl::IsUnavailable(begun)) return begun;
  }
}

}  // namespace millrace
