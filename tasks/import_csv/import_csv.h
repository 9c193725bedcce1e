#pragma once

#include <string>
#include <utility>

#include "tasks/api/task_context.h"
#include "tasks/api/task_result.h"

namespace millrace {

// The task import_csv: loads CSV files into a table of a PostgreSQL database. The payload:
//
//   files         absolute paths, 1 to 1000; each is a step
//   table         "table" or "schema.table", taken literally (upper case stays upper case)
//   columns       [{"name": .., "type": ..}] in the order of the files' header line, which must
//                 match; default: all columns of the table. The type is needed with create_table.
//   create_table  creates the table if it is missing; default false
//   delimiter     default ","; null: the text that means NULL, default ""; encoding: default "UTF8"
//   import_id     default: this job. A file is loaded once per import id and table; name one to
//   keep
//                 that over several jobs.
//
// Each file is loaded and checked by PostgreSQL's COPY in a transaction of its own, together with
// the record that it was loaded. A file that is missing or does not fit makes its step fail and the
// others go on: the job then is done in part, and its next attempt loads what is left. The result
// is {"rows": <all>, "files": {<path>: <rows>}}. An attempt that gets no further than the one
// before it is a failure. Thread-safe; the registry owns it.
class ImportCsv {
 public:
  // The database to load into.
  explicit ImportCsv(std::string database_url) : database_url_(std::move(database_url)) {}

  TaskResult operator()(TaskContext& context) const;

 private:
  const std::string database_url_;
};

}  // namespace millrace
