#include "server/model/sql_verb.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, 19> kWithin = {
    "select", "insert",    "update",  "delete",   "merge", "with",   "values",
    "table",  "savepoint", "release", "truncate", "lock",  "notify", "explain",
    "fetch",  "move",      "close",   "show",     "call"};
constexpr std::array<std::string_view, 5> kEnds = {"begin", "start", "commit", "end", "abort"};

template <size_t Size>
bool Contains(const std::array<std::string_view, Size>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Takes spaces, brackets and comments away, of which those in /* */ may be nested.
void SkipToWord(std::string_view& sql) {
  int depth = 0;
  while (!sql.empty()) {
    if (sql.starts_with("/*")) {
      ++depth;
      sql.remove_prefix(2);
    } else if (depth > 0) {
      if (sql.starts_with("*/")) {
        --depth;
        sql.remove_prefix(1);
      }
      sql.remove_prefix(1);
    } else if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (absl::ascii_isspace(sql.front()) || sql.front() == '(' || sql.front() == ';') {
      sql.remove_prefix(1);
    } else {
      return;
    }
  }
}

std::string TakeWord(std::string_view& sql) {
  SkipToWord(sql);
  size_t length = 0;
  while (length < sql.size() && absl::ascii_isalpha(sql[length])) ++length;
  std::string word = absl::AsciiStrToLower(std::string(sql.substr(0, length)));
  sql.remove_prefix(length);
  return word;
}

}  // namespace

SqlVerb VerbOf(std::string_view sql) {
  const std::string word = TakeWord(sql);
  if (word == "copy") return SqlVerb::kCopies;
  if (Contains(kWithin, word)) return SqlVerb::kWithinTransaction;
  if (Contains(kEnds, word)) return SqlVerb::kEndsTransaction;
  const std::string second = TakeWord(sql);
  if (word == "prepare" && second == "transaction") return SqlVerb::kEndsTransaction;
  if (word != "rollback") return SqlVerb::kChangesSession;
  // rollback [work | transaction] to [savepoint] name
  const bool filler = second == "work" || second == "transaction";
  return (filler ? TakeWord(sql) : second) == "to" ? SqlVerb::kWithinTransaction
                                                   : SqlVerb::kEndsTransaction;
}

}  // namespace millrace
