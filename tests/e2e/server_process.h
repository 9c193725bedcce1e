#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/unit/app/temp_folder.h"

namespace millrace {

// A server in a process of its own, which ends with the test. Used from the test's main thread.
class ServerProcess {
 public:
  // Starts `program` with free ports, unless the arguments name others, and an environment without
  // settings of ours, but with these `variables` ("NAME=value").
  ServerProcess(const std::string& program, const std::vector<std::string>& arguments,
                std::vector<std::string> variables = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  pid_t pid() const { return pid_; }

  // What it has written to standard output and error so far.
  std::string output() const;

  // True once it has written `text`; false if it ends, or minutes pass, without.
  bool WaitForOutput(const std::string& text);
  // True once it says that it is ready.
  bool WaitUntilReady() { return WaitForOutput(" ready\n"); }

  // REQUIRES: it is ready.
  std::string grpc_address() const;
  int http_port() const;
  std::string worker_id() const;

  void Signal(int number) const;
  // Its exit code, or minus the signal that ended it; fails the test if it does not end
  // within minutes.
  int WaitForExit();

 private:
  bool HasEnded();
  std::string WordAfter(const std::string& text) const;

  TempFolder folder_;
  std::string output_path_;
  pid_t pid_ = 0;
  bool ended_ = false;
  int exit_code_ = 0;
};

}  // namespace millrace
