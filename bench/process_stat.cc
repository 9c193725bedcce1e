#include "bench/process_stat.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace millrace::bench {
namespace {

// Fields 14 to 17 of /proc/PID/stat, in clock ticks.
struct Ticks {
  int64_t user = 0;
  int64_t system = 0;
  int64_t children_user = 0;
  int64_t children_system = 0;
};

Ticks ReadTicks(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(file, text);
  // The second field, the name of the program, may hold anything but ends with the last bracket.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  Ticks ticks;
  fields >> ticks.user >> ticks.system >> ticks.children_user >> ticks.children_system;
  return ticks;
}

absl::Duration DurationOf(int64_t ticks) {
  return absl::Seconds(static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace

absl::Duration ProcessCpu(pid_t pid) {
  const Ticks ticks = ReadTicks(pid);
  return DurationOf(ticks.user + ticks.system);
}

absl::Duration ProcessCpuWithEndedChildren(pid_t pid) {
  const Ticks ticks = ReadTicks(pid);
  return DurationOf(ticks.user + ticks.system + ticks.children_user + ticks.children_system);
}

absl::Duration PreciseProcessCpu(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/schedstat"));
  int64_t nanoseconds = 0;
  file >> nanoseconds;
  return absl::Nanoseconds(nanoseconds);
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

ResidentMemory ReadResidentMemory(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  ResidentMemory memory;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    double kilobytes = 0;
    fields >> name >> kilobytes;
    if (name == "VmRSS:") memory.now_mb = kilobytes / 1024;
    if (name == "VmHWM:") memory.peak_mb = kilobytes / 1024;
  }
  return memory;
}

}  // namespace millrace::bench
