#include "server/store/postgres/request_record.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace millrace {
namespace {

char LetterOf(AddResult result) {
  switch (result) {
    case AddResult::kCreated:
      return 'c';
    case AddResult::kUpdated:
      return 'u';
    case AddResult::kExisting:
      return 'e';
  }
  return ' ';
}

}  // namespace

std::string DoOnce(PostgresConnection& connection, pqxx::transaction_base& transaction,
                   const RequestKey& request, const std::function<std::string()>& change) {
  const pqxx::result known =
      connection.Execute(transaction, "FindRequest", request.id, request.method, request.digest);
  if (!known[0][0].is_null()) return known[0][0].c_str();
  std::string reply = change();
  connection.Execute(transaction, "KeepRequest", request.id, request.method, request.digest, reply);
  return reply;
}

std::string AddedText(const std::vector<AddedJob>& added) {
  std::string text;
  for (const AddedJob& job : added) {
    absl::StrAppend(&text, text.empty() ? "" : " ", job.id, std::string(1, LetterOf(job.result)));
  }
  return text;
}

std::vector<AddedJob> ParseAddedText(const std::string& text) {
  std::vector<AddedJob> added;
  for (const absl::string_view part : absl::StrSplit(text, ' ')) {
    AddedJob job;
    if (part.empty() || !absl::SimpleAtoi(part.substr(0, part.size() - 1), &job.id)) {
      throw pqxx::conversion_error("a kept reply is no list of added jobs");
    }
    job.result = AddResultOf(part.back());
    added.push_back(job);
  }
  return added;
}

AddResult AddResultOf(char letter) {
  if (letter == 'c') return AddResult::kCreated;
  return letter == 'u' ? AddResult::kUpdated : AddResult::kExisting;
}

}  // namespace millrace
