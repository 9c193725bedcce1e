#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/model/job_spec.h"
#include "server/model/sql_rows.h"

namespace millrace {

// SQL that stands in the source, so that nothing from a payload can get into it: what varies is a
// parameter ($1, $2, ...).
class SqlText {
 public:
  template <size_t Size>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is to be passed as it is.
  consteval SqlText(const char (&literal)[Size]) : text_(literal, Size - 1) {}

  // For what no parameter can be, such as the name of a table: check it before. `text` outlives it.
  static SqlText MadeAtRunTime(std::string_view text) { return SqlText(text); }

  std::string_view text() const { return text_; }

 private:
  explicit SqlText(std::string_view text) : text_(text) {}

  std::string_view text_;
};

// A transaction of the server's database in which the writes of a handler, the jobs that it adds
// and the completion of its own job commit together: all of it or nothing, whatever dies. It
// commits if the handler succeeds, and only then: a partial success, a snooze or a cancellation
// rolls it back as a failure does, and so does a claim that holds the job no more.
//
// From its beginning to the end of the handler it keeps a connection (of --task-connections) and
// whatever its statements have locked, so do slow things before it begins. Its isolation is "read
// committed". Once the handler is asked to stop, its calls return CANCELLED, also the one that
// waits at that moment; what was done before can still be committed by success.
//
// Lives as long as the context. Used from the handler's thread.
class TaskTransaction {
 public:
  virtual ~TaskTransaction() = default;

  // Runs one statement with these parameters, which are bound as text. After an error nothing more
  // can be done in it but "rollback to savepoint", and the attempt fails. INVALID_ARGUMENT for what
  // begins or ends a transaction, copy, and values that PostgreSQL refuses; ALREADY_EXISTS for a
  // unique violation; ABORTED for a deadlock; UNAVAILABLE if the database has gone or knows no such
  // table; PERMISSION_DENIED; CANCELLED; INTERNAL for the rest.
  absl::StatusOr<SqlRows> Execute(SqlText sql, const std::vector<SqlValue>& parameters = {});

  // Adds jobs, which exist if and only if the transaction commits. INVALID_ARGUMENT for what the
  // service refuses, too, and then nothing has happened.
  virtual absl::StatusOr<AddedJob> AddJob(JobSpec spec) = 0;
  virtual absl::StatusOr<std::vector<AddedJob>> AddJobs(std::vector<JobSpec> specs) = 0;

 private:
  // What Execute has found good.
  virtual absl::StatusOr<SqlRows> ExecuteChecked(const std::string& sql,
                                                 const std::vector<SqlValue>& parameters) = 0;
};

}  // namespace millrace
