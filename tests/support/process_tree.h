#pragma once

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace millrace {

// What /proc/<pid>/stat says of a process. A plain value.
struct ProcessState {
  // 0 if there is no such process.
  char state = 0;
  pid_t parent = 0;
};

inline ProcessState ReadProcessState(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  // The name, in parentheses, may hold anything.
  const size_t name_end = text.rfind(')');
  ProcessState found;
  if (name_end == std::string::npos || name_end + 3 >= text.size()) return found;
  found.state = text[name_end + 2];
  found.parent = std::stoi(text.substr(name_end + 4));
  return found;
}

// One that has ended and that nobody has waited for does not run.
inline bool ProcessRuns(pid_t pid) {
  const char state = ReadProcessState(pid).state;
  return state != 0 && state != 'Z' && state != 'X';
}

// Sends SIGSTOP to a process, then to its children, and returns them all.
inline std::vector<pid_t> FreezeWithChildren(pid_t pid) {
  std::vector<pid_t> frozen = {pid};
  kill(pid, SIGSTOP);
  while (ProcessRuns(pid) && ReadProcessState(pid).state != 'T') {
  }
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const pid_t child = std::stoi(name);
    if (ReadProcessState(child).parent != pid) continue;
    kill(child, SIGSTOP);
    frozen.push_back(child);
  }
  return frozen;
}

}  // namespace millrace
