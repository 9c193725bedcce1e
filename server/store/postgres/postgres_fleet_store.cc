#include "server/store/postgres/postgres_fleet_store.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

// Servers that were lost are listed for so long.
constexpr absl::Duration kLostAreListed = absl::Minutes(10);

const char* LetterOf(PoolState state) {
  switch (state) {
    case PoolState::kRunning:
      return "r";
    case PoolState::kStopping:
      return "e";
    default:
      return "s";
  }
}

PoolState StateOf(const std::string& letter) {
  if (letter == "r") return PoolState::kRunning;
  if (letter == "e") return PoolState::kStopping;
  if (letter == "s") return PoolState::kStopped;
  return letter == "l" ? PoolState::kLost : PoolState::kUnknown;
}

std::optional<absl::Duration> MillisecondsOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return absl::Milliseconds(field.as<int64_t>());
}

ListedPool ReadListedPool(const pqxx::row& row) {
  ListedPool pool;
  pool.report.worker_id = row[0].c_str();
  pool.report.pool_name = row[1].c_str();
  pool.report.host = row[2].c_str();
  pool.report.pid = row[3].as<int>();
  pool.report.version = row[4].c_str();
  pool.started_at = ParseTimestamp(row[5].c_str());
  pool.report.state = StateOf(row[6].c_str());
  pool.report.concurrency = row[7].as<int>();
  pool.report.active = row[8].as<int>();
  pool.report.buffered = row[9].as<int>();
  pool.seen_ago = MillisecondsOf(row[10]);
  if (!row[11].is_null()) {
    pool.lease = ListedPool::Lease{absl::Milliseconds(row[11].as<int64_t>()),
                                   MillisecondsOf(row[12]), row[13].as<bool>()};
  }
  return pool;
}

FleetAnswer ReadAnswer(const pqxx::row& row) {
  FleetAnswer answer;
  answer.id = row[0].as<int64_t>();
  answer.taken = row[1].as<bool>();
  answer.lost = row[5].as<bool>();
  if (row[2].is_null()) return answer;
  const auto code = static_cast<absl::StatusCode>(row[2].as<int>());
  if (code != absl::StatusCode::kOk) {
    answer.reply = absl::Status(code, row[3].c_str());
    return answer;
  }
  std::string reply;
  if (absl::Base64Unescape(row[4].c_str(), &reply)) {
    answer.reply = std::move(reply);
  } else {
    answer.reply = absl::InternalError("the answer cannot be read");
  }
  return answer;
}

std::optional<std::vector<std::string>> NamesOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return StringsFromJson(field.c_str());
}

std::optional<std::string> ArrayOf(const std::optional<std::vector<std::string>>& names) {
  if (!names.has_value()) return std::nullopt;
  return TextArray(*names);
}

// For libpqxx 6, to which a null pointer is null.
const char* TextOrNull(const std::optional<std::string>& text) {
  return text.has_value() ? text->c_str() : nullptr;
}

}  // namespace

template <typename... Args>
absl::StatusOr<pqxx::result> PostgresFleetStore::Execute(const char* operation,
                                                         const char* statement,
                                                         const Args&... args) {
  pqxx::result rows;
  absl::Status ran = database_.Run(operation, [&](PostgresConnection& connection) {
    pqxx::nontransaction transaction(connection.raw());
    rows = connection.Execute(transaction, statement, args...);
  });
  if (!ran.ok()) return ran;
  return rows;
}

absl::Status PostgresFleetStore::Report(const PoolReport& report) {
  return Execute("report_pool", "ReportPool", report.worker_id, report.pool_name, report.host,
                 report.pid, report.version, absl::ToInt64Milliseconds(report.patience),
                 LetterOf(report.state), report.concurrency, report.active, report.buffered)
      .status();
}

absl::Status PostgresFleetStore::Leave(const std::string& worker_id) {
  return Execute("remove_pool", "RemovePool", worker_id).status();
}

absl::StatusOr<std::vector<ListedPool>> PostgresFleetStore::ListPools() {
  const absl::StatusOr<pqxx::result> rows = Execute("list_pools", "ListPools");
  if (!rows.ok()) return rows.status();
  std::vector<ListedPool> pools;
  for (const auto& row : *rows) pools.push_back(ReadListedPool(row));
  return pools;
}

absl::StatusOr<FleetAsked> PostgresFleetStore::Ask(const std::vector<std::string>& worker_ids,
                                                   const FleetQuestion& question) {
  FleetAsked asked;
  // The numbers of the requests are known before they are committed, so that they can be withdrawn
  // if it is not known whether they were.
  bool committing = false;
  absl::Status ran = database_.Run("ask_pools", [&](PostgresConnection& connection) {
    asked.requests.clear();
    committing = false;
    pqxx::work transaction(connection.raw());
    const pqxx::result rows = connection.Execute(
        transaction, "AskPools", TextArray(worker_ids), question.asked_by, question.method,
        absl::Base64Escape(question.payload), absl::ToInt64Milliseconds(question.take_within),
        absl::ToInt64Milliseconds(question.keep_for));
    for (const auto& row : rows) asked.requests[row[0].as<int64_t>()] = row[1].c_str();
    committing = true;
    transaction.commit();
  });
  if (!ran.ok() && !committing) return ran;
  asked.in_doubt = !ran.ok();
  return asked;
}

absl::StatusOr<std::vector<FleetRequest>> PostgresFleetStore::TakeRequests(
    const std::string& worker_id, const std::vector<int64_t>& in_hand) {
  const absl::StatusOr<pqxx::result> rows =
      Execute("take_requests", "TakeRequests", worker_id, IntegerArray(in_hand));
  if (!rows.ok()) return rows.status();
  std::vector<FleetRequest> requests;
  for (const auto& row : *rows) {
    FleetRequest& request = requests.emplace_back();
    request.id = row[0].as<int64_t>();
    request.asked_by = row[1].c_str();
    request.method = row[2].c_str();
    // What cannot be read is answered as a bad request by whoever carries it out.
    absl::Base64Unescape(row[3].c_str(), &request.payload);
  }
  return requests;
}

absl::Status PostgresFleetStore::Answer(int64_t id, const absl::StatusOr<std::string>& reply) {
  return Execute("answer_request", "AnswerRequest", id, static_cast<int>(reply.status().code()),
                 std::string(reply.status().message()),
                 reply.ok() ? absl::Base64Escape(*reply) : "")
      .status();
}

absl::StatusOr<std::vector<FleetAnswer>> PostgresFleetStore::ReadAnswers(
    const std::vector<int64_t>& ids) {
  const absl::StatusOr<pqxx::result> rows =
      Execute("read_answers", "ReadAnswers", IntegerArray(ids));
  if (!rows.ok()) return rows.status();
  std::vector<FleetAnswer> answers;
  for (const auto& row : *rows) answers.push_back(ReadAnswer(row));
  return answers;
}

absl::StatusOr<std::map<int64_t, bool>> PostgresFleetStore::Withdraw(
    const std::vector<int64_t>& ids) {
  const absl::StatusOr<pqxx::result> rows =
      Execute("withdraw_requests", "WithdrawRequests", IntegerArray(ids));
  if (!rows.ok()) return rows.status();
  std::map<int64_t, bool> withdrawn;
  for (const auto& row : *rows) withdrawn[row[0].as<int64_t>()] = row[1].as<bool>();
  return withdrawn;
}

absl::Status PostgresFleetStore::RemoveLeftovers() {
  return Execute("remove_leftovers", "RemoveLeftovers", absl::ToInt64Milliseconds(kLostAreListed))
      .status();
}

absl::StatusOr<SavedPool> PostgresFleetStore::Load(const std::string& pool_name) {
  const absl::StatusOr<pqxx::result> rows = Execute("load_saved_pool", "LoadSavedPool", pool_name);
  if (!rows.ok()) return rows.status();
  SavedPool saved;
  if (rows->empty()) return saved;
  const pqxx::row row = (*rows)[0];
  if (!row[0].is_null()) saved.stopped = row[0].as<bool>();
  if (!row[1].is_null()) saved.concurrency = row[1].as<int>();
  saved.task_identifiers = NamesOf(row[2]);
  saved.forbidden_flags = NamesOf(row[3]);
  return saved;
}

absl::Status PostgresFleetStore::Save(const std::string& pool_name, const SavedPool& changes) {
  std::optional<std::string> stopped, concurrency;
  if (changes.stopped.has_value()) stopped = *changes.stopped ? "t" : "f";
  if (changes.concurrency.has_value()) concurrency = absl::StrCat(*changes.concurrency);
  const std::optional<std::string> tasks = ArrayOf(changes.task_identifiers);
  const std::optional<std::string> flags = ArrayOf(changes.forbidden_flags);
  return Execute("save_pool", "SavePool", pool_name, TextOrNull(stopped), TextOrNull(concurrency),
                 TextOrNull(tasks), TextOrNull(flags))
      .status();
}

absl::Status PostgresFleetStore::Clear(const std::string& pool_name) {
  return Execute("clear_saved_pool", "ClearSavedPool", pool_name).status();
}

}  // namespace millrace
