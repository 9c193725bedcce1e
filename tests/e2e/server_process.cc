#include "tests/e2e/server_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/eventually.h"

namespace millrace {
namespace {

// A server may have to make a whole PostgreSQL on a machine that is busy with other tests.
constexpr absl::Duration kPatience = absl::Minutes(4);

bool Names(const std::vector<std::string>& arguments, const std::string& option) {
  for (const std::string& argument : arguments) {
    if (argument == option || argument.starts_with(option + "=")) return true;
  }
  return false;
}

}  // namespace

ServerProcess::ServerProcess(const std::string& program, const std::vector<std::string>& arguments,
                             std::vector<std::string> variables)
    : output_path_(folder_.path() + "/output") {
  std::vector<std::string> command = {program};
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (!Names(arguments, "--listen")) command.emplace_back("--listen=127.0.0.1:0");
  if (!Names(arguments, "--metrics-listen")) command.emplace_back("--metrics-listen=127.0.0.1:0");
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  variables.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin");
  variables.emplace_back("HOME=" + folder_.path());
  for (const char* name : {"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) variables.push_back(std::string(name) + "=" + value);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  const int output = open(output_path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ != 0) {
    close(output);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent || output < 0) _exit(127);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execve(words[0], words.data(), environment.data());
  _exit(127);
}

ServerProcess::~ServerProcess() {
  if (HasEnded()) return;
  Signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string ServerProcess::output() const {
  std::ifstream file(output_path_);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool ServerProcess::WaitForOutput(const std::string& text) {
  bool found = false;
  Eventually(
      [&] {
        const bool ended = HasEnded();
        found = output().find(text) != std::string::npos;
        return found || ended;
      },
      kPatience);
  return found;
}

std::string ServerProcess::WordAfter(const std::string& text) const {
  const std::string all = output();
  const size_t at = all.find(text);
  if (at == std::string::npos) {
    ADD_FAILURE() << "\"" << text << "\" is not in:\n" << all;
    return "0";
  }
  const size_t begin = at + text.size();
  return all.substr(begin, all.find_first_of(" ,\n", begin) - begin);
}

std::string ServerProcess::grpc_address() const { return WordAfter("gRPC listens on "); }

int ServerProcess::http_port() const { return std::stoi(WordAfter("metrics and health on port ")); }

std::string ServerProcess::worker_id() const { return WordAfter("worker id "); }

void ServerProcess::Signal(int number) const { kill(pid_, number); }

bool ServerProcess::HasEnded() {
  if (ended_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  ended_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return true;
}

int ServerProcess::WaitForExit() {
  EXPECT_TRUE(Eventually([this] { return HasEnded(); }, kPatience)) << output();
  return exit_code_;
}

}  // namespace millrace
