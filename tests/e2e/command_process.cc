#include "tests/e2e/command_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/unit/app/temp_folder.h"

namespace millrace {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

CommandEnd RunToEnd(const std::string& program, const std::vector<std::string>& arguments,
                    const std::string& input) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/in") << input;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const auto redirect = [&](int to, const std::string& name, int flags) {
    posix_spawn_file_actions_addopen(&files, to, (folder.path() + name).c_str(), flags, 0600);
  };
  redirect(STDIN_FILENO, "/in", O_RDONLY);
  redirect(STDOUT_FILENO, "/out", O_WRONLY | O_CREAT);
  redirect(STDERR_FILENO, "/err", O_WRONLY | O_CREAT);
  std::vector<std::string> command = {program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  pid_t pid = 0;
  const int spawned = posix_spawn(&pid, words[0], &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  EXPECT_EQ(spawned, 0) << program;
  if (spawned != 0) return {.exit_code = 127};
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
          .out = ReadFile(folder.path() + "/out"),
          .err = ReadFile(folder.path() + "/err")};
}

}  // namespace millrace
