#pragma once

#include <string_view>

namespace millrace {

// What a statement of a handler can do beyond its transaction, judged by its first words.
enum class SqlVerb {
  // Nothing: select, insert, savepoint and the like.
  kWithinTransaction,
  // It may leave something in the session, such as set, prepare, or create temporary table. What is
  // not known counts here.
  kChangesSession,
  // Begins, commits, prepares or rolls back a transaction. (Rolling back to a savepoint does not.)
  kEndsTransaction,
  // Needs rows to be sent behind or in front of it.
  kCopies,
};

SqlVerb VerbOf(std::string_view sql);

}  // namespace millrace
