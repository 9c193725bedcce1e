#include "tasks/import_csv/import_progress.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

using nlohmann::json;

// What is kept of each, so that a thousand of them fit into history; the log has all of it.
constexpr size_t kErrorBytes = 400;

std::string Text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

ImportProgress::ImportProgress(const std::vector<std::string>& files,
                               const std::optional<PartialSuccess>& last)
    : files_(files) {
  if (!last.has_value()) return;
  const json results = json::parse(last->results, nullptr, /*allow_exceptions=*/false);
  if (!results.is_object() || !results.contains("rows")) return;
  const json& rows = results["rows"];
  for (const std::string& step : last->completed_steps) {
    const bool known = std::find(files_.begin(), files_.end(), step) != files_.end();
    if (known && rows.is_object() && rows.contains(step) && rows[step].is_number_integer()) {
      rows_[step] = rows[step].get<int64_t>();
    }
  }
}

void ImportProgress::AddLoaded(const std::string& file, int64_t rows) {
  rows_[file] = rows;
  ++loaded_now_;
}

void ImportProgress::AddFailed(const std::string& file, const std::string& error) {
  errors_[file] = CleanUtf8(error, kErrorBytes);
}

TaskResult ImportProgress::ToResult() const {
  if (!IsComplete()) {
    return loaded_now_ > 0 ? TaskResult::PartiallyDone(ToPartialSuccess())
                           : TaskResult::Fail(FailureMessage(), Text(json(errors_)));
  }
  int64_t total = 0;
  for (const auto& [file, rows] : rows_) total += rows;
  return TaskResult::Success(Text(json{{"rows", total}, {"files", rows_}}));
}

PartialSuccess ImportProgress::ToPartialSuccess() const {
  PartialSuccess partial;
  for (const std::string& file : files_) {
    if (IsLoaded(file)) {
      partial.completed_steps.push_back(file);
      continue;
    }
    if (partial.retry_from_step.empty()) partial.retry_from_step = file;
    if (errors_.contains(file)) partial.failed_steps.push_back(file);
  }
  partial.results = Text(json{{"rows", rows_}, {"errors", errors_}});
  return partial;
}

std::string ImportProgress::FailureMessage() const {
  const std::string count =
      absl::StrCat(files_.size() - rows_.size(), " of ", files_.size(), " files are not loaded");
  const auto first = std::find_if(files_.begin(), files_.end(), [this](const std::string& file) {
    return errors_.contains(file);
  });
  return first == files_.end() ? count
                               : absl::StrCat(count, "; ", *first, ": ", errors_.at(*first));
}

}  // namespace millrace
