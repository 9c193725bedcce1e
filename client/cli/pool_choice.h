#pragma once

#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "client/cli/session.h"
#include "client/library/pool_records.h"
#include "client/output/table.h"

namespace millrace::cli {

// Which pool a command is about: that of the server itself, unless one of these is given. A plain
// value.
struct PoolChoice {
  bool all = false;
  std::string worker_id;
};

// Adds --all and --worker-id.
std::shared_ptr<PoolChoice> AddPoolChoice(CLI::App& command);

// The error of a call about the pool of this worker id; what that pool said needs no explanation.
absl::Status FromPool(const absl::Status& status, const std::string& worker_id, Session& session);

// What a reply is for programs: the pool, the status, and the answer (null with an error).
JsonObject ReplyJson(const std::string& worker_id, const std::string& pool_name,
                     const absl::Status& status, const JsonObject& answer);

// Gathers what went wrong with some of many pools.
class ReplyFaults {
 public:
  void Note(const std::string& worker_id, const absl::Status& status);
  // Ok if nothing did; else how many there are and the first of them, with its code.
  absl::Status Summary(Session& session) const;

 private:
  int pools_ = 0;
  int faults_ = 0;
  absl::Status first_;
};

// Shows what each pool said, as a table with one line for each, in words that `text` finds, or for
// programs as one JSON object each, with the answer as `json` has it. The status tells of those
// that have not done it.
template <typename Answer, typename ToText, typename ToJson>
absl::Status WriteReplies(const std::vector<client::PoolReply<Answer>>& replies, Session& session,
                          ToText text, ToJson json) {
  Table table(
      {{"POOL", Table::Align::kLeft, 8}, {"WORKER ID"}, {"RESULT", Table::Align::kLeft, 20}},
      session.width(), session.colored());
  ReplyFaults faults;
  for (const client::PoolReply<Answer>& reply : replies) {
    const absl::Status status = reply.answer.status();
    faults.Note(reply.worker_id, status);
    if (session.json()) {
      session.Write(ReplyJson(reply.worker_id, reply.pool_name, status,
                              status.ok() ? json(*reply.answer) : JsonObject()));
    } else {
      table.AddRow({{reply.pool_name},
                    {reply.worker_id},
                    {status.ok() ? text(*reply.answer) : std::string(status.message()),
                     status.ok() ? Style::kPlain : Style::kBad}});
    }
  }
  if (!session.json()) table.Flush(session.out());
  return faults.Summary(session);
}

}  // namespace millrace::cli
