#include "tests/e2e/runs_file.h"

#include <fstream>

namespace millrace {

std::map<std::string, int> ReadRuns(const std::string& path) {
  std::ifstream file(path);
  std::map<std::string, int> runs;
  for (std::string job; std::getline(file, job);) ++runs[job];
  return runs;
}

int CountRuns(const std::map<std::string, int>& runs) {
  int sum = 0;
  for (const auto& [job, count] : runs) sum += count;
  return sum;
}

}  // namespace millrace
