#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/model/partial_success.h"
#include "tasks/api/task_result.h"

namespace millrace {

// Which files of an import are loaded and which failed: what an attempt takes over from the last
// one, adds to, and reports. A plain value that lives for one attempt. Thread-compatible.
class ImportProgress {
 public:
  // `last` is what an earlier attempt has left. What it says of other files than these is ignored.
  ImportProgress(const std::vector<std::string>& files, const std::optional<PartialSuccess>& last);

  bool IsLoaded(const std::string& file) const { return rows_.contains(file); }
  // All are loaded.
  bool IsComplete() const { return rows_.size() == files_.size(); }
  void AddLoaded(const std::string& file, int64_t rows);
  void AddFailed(const std::string& file, const std::string& error);

  // Success if all are loaded; partial success if this attempt loaded some of them; else failure.
  TaskResult ToResult() const;

 private:
  PartialSuccess ToPartialSuccess() const;
  std::string FailureMessage() const;

  const std::vector<std::string> files_;
  std::map<std::string, int64_t> rows_;
  std::map<std::string, std::string> errors_;
  int loaded_now_ = 0;
};

}  // namespace millrace
