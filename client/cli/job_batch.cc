#include "client/cli/job_batch.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace millrace::cli {
namespace {

constexpr size_t kMostJobs = 1000;
// A message of gRPC is small by default; one job alone may be larger than this.
constexpr size_t kMostBytes = 2 * 1024 * 1024;

}  // namespace

bool JobBatch::MustSendBefore(const JobSpec& spec) const {
  if (specs_.empty()) return false;
  return specs_.size() == kMostJobs || bytes_ + SizeOf(spec) > kMostBytes ||
         (!spec.job_key.empty() && keys_.contains(spec.job_key));
}

void JobBatch::Append(JobSpec spec, int64_t line) {
  if (specs_.empty()) lines_.clear();
  bytes_ += SizeOf(spec);
  if (!spec.job_key.empty()) keys_.insert(spec.job_key);
  specs_.push_back(std::move(spec));
  lines_.push_back(line);
}

absl::StatusOr<std::vector<client::AddedJob>> JobBatch::Send() {
  const std::vector<JobSpec> specs = std::exchange(specs_, {});
  keys_.clear();
  bytes_ = 0;
  absl::StatusOr<std::vector<client::AddedJob>> added = queue_.AddJobs(specs);
  if (added.ok() || !absl::IsInvalidArgument(added.status())) return added;
  return absl::InvalidArgumentError(WithLine(std::string(added.status().message()), lines_));
}

size_t JobBatch::SizeOf(const JobSpec& spec) {
  constexpr size_t kRest = 256;
  return spec.payload.size() + spec.metadata.size() + spec.task_identifier.size() + kRest;
}

std::string WithLine(const std::string& message, const std::vector<int64_t>& lines) {
  constexpr char kBegin[] = "jobs[";
  constexpr size_t kBeginLength = sizeof(kBegin) - 1;
  const size_t bracket = message.find(']');
  size_t index = 0;
  if (!message.starts_with(kBegin) || bracket == std::string::npos ||
      !absl::SimpleAtoi(message.substr(kBeginLength, bracket - kBeginLength), &index) ||
      index >= lines.size()) {
    return message;
  }
  std::string rest = message.substr(bracket + 1);
  if (rest.starts_with('.')) rest.erase(0, 1);
  return absl::StrCat("line ", lines[index], ": ", rest);
}

}  // namespace millrace::cli
