#include "tasks/import_csv/import_csv.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "tasks/import_csv/import_progress.h"
#include "tasks/import_csv/import_request.h"
#include "tasks/import_csv/import_target.h"

namespace millrace {
namespace {

// Ids of jobs begin at one in every installation; the time tells two of them apart that load into
// the same database. It is the same in each attempt.
std::string ImportId(const ImportRequest& request, const Job& job) {
  if (!request.import_id.empty()) return request.import_id;
  return absl::StrCat(
      "job ", job.id, " of ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", job.created_at, absl::UTCTimeZone()));
}

// After these the connection is of no more use.
bool EndsTheAttempt(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsUnavailable(status);
}

void LoadFiles(TaskContext& context, const std::vector<std::string>& files, ImportTarget& target,
               ImportProgress& progress) {
  for (const std::string& file : files) {
    if (progress.IsLoaded(file)) continue;
    const absl::StatusOr<int64_t> rows = target.Load(file);
    if (rows.ok()) {
      progress.AddLoaded(file, *rows);
      context.Log(TaskContext::LogLevel::kInfo, absl::StrCat("loaded ", *rows, " rows of ", file));
      continue;
    }
    const std::string error(rows.status().message());
    progress.AddFailed(file, error);
    context.Log(TaskContext::LogLevel::kWarning, absl::StrCat("cannot load ", file, ": ", error));
    if (EndsTheAttempt(rows.status())) return;
  }
}

}  // namespace

TaskResult ImportCsv::operator()(TaskContext& context) const {
  const absl::StatusOr<ImportRequest> request = ReadImportRequest(context.job().payload);
  if (!request.ok()) return TaskResult::Cancel(std::string(request.status().message()));
  if (database_url_.empty()) {
    return TaskResult::Fail("no database to import into: set IMPORT_CSV_DATABASE_URL");
  }
  const absl::StatusOr<std::unique_ptr<ImportTarget>> target = ImportTarget::Open(
      database_url_, *request, ImportId(*request, context.job()), context.stop_token());
  if (!target.ok()) {
    return TaskResult::Fail("cannot import: " + std::string(target.status().message()));
  }
  ImportProgress progress(request->files, context.last_partial_success());
  LoadFiles(context, request->files, **target, progress);
  // What was loaded is on record in the database, so that the next attempt skips it even so.
  if (context.StopRequested() && !progress.IsComplete()) return TaskResult::Fail("asked to stop");
  return progress.ToResult();
}

}  // namespace millrace
