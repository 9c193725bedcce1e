#include "bench/cluster_cpu.h"

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/process_stat.h"

namespace millrace::bench {
namespace {

pid_t ParentOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    pid_t value = 0;
    fields >> name >> value;
    if (name == "PPid:") return value;
  }
  return 0;
}

}  // namespace

ClusterCpu::ClusterCpu(pid_t backend) : postmaster_(ParentOf(backend)) {}

absl::Duration ClusterCpu::Total() const {
  absl::Duration total = ProcessCpuWithEndedChildren(postmaster_);
  for (const pid_t child : ChildrenOf(postmaster_)) total += ProcessCpu(child);
  return total;
}

}  // namespace millrace::bench
