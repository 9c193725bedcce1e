#include "tests/pool/run_ledger.h"

#include "absl/strings/str_cat.h"

namespace millrace {

void RunLedger::Begin(const Job& job) {
  MutexLock lock(mutex_);
  ++runs_[job.id];
  for (const auto& [id, queue] : running_) {
    if (id == job.id) violations_.push_back(absl::StrCat("job ", id, " runs twice at a time"));
    if (!queue.empty() && queue == job.queue_name) {
      violations_.push_back(absl::StrCat("jobs ", id, " and ", job.id, " of the serial queue ",
                                         queue, " run at once"));
    }
  }
  running_[job.id] = job.queue_name;
  if (running_.size() > static_cast<size_t>(concurrency_)) {
    violations_.push_back(absl::StrCat(running_.size(), " handlers run at a time"));
  }
}

void RunLedger::End(const Job& job) {
  MutexLock lock(mutex_);
  running_.erase(job.id);
}

int RunLedger::CountRunsOf(JobId id) const {
  MutexLock lock(mutex_);
  const auto found = runs_.find(id);
  return found == runs_.end() ? 0 : found->second;
}

std::map<JobId, int> RunLedger::runs() const {
  MutexLock lock(mutex_);
  return runs_;
}

std::vector<std::string> RunLedger::violations() const {
  MutexLock lock(mutex_);
  return violations_;
}

}  // namespace millrace
