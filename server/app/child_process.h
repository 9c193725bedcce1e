#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/app/process_user.h"
#include "server/app/unique_fd.h"

namespace millrace {

// A program that ends with this process: the kernel sends it SIGINT when the thread that started it
// ends, so that it never outlives a server that was killed. It runs in a session of its own, with
// an environment of its own and no descriptors but those named.
//
// Owned by the thread that started it, which must live until the program has ended: end it before
// this object goes. Thread-compatible.
class ChildProcess {
 public:
  struct Options {
    // The program by its absolute path, then its arguments.
    std::vector<std::string> command;
    std::string working_directory;
    ProcessUser user;
    // Its standard output and error.
    int output_fd = -1;
    // Becomes descriptor 3 and is inherited by all that the program starts; -1 for none.
    int inherited_fd = -1;
  };

  // The code of the system's error, which says what could not be done; PERMISSION_DENIED among
  // others if the user may not enter the working directory.
  static absl::StatusOr<ChildProcess> Start(const Options& options);

  ChildProcess(ChildProcess&&) = default;
  ChildProcess& operator=(ChildProcess&&) = default;

  pid_t pid() const { return pid_; }

  // Waits until the program and all that it started have ended, `interrupt_fd` is readable (-1 for
  // none) or `timeout` has passed. True if they have ended.
  bool WaitUntilEnded(absl::Duration timeout, int interrupt_fd);

  // REQUIRES: WaitUntilEnded has returned true. Such as "exit status 1" or "signal 9".
  std::string ending() const;
  bool succeeded() const;

  // Does nothing once the program has been waited for.
  void Signal(int signal_number);

  // Kills the program and all that it started, also what stands still, and waits until they have
  // ended.
  void KillAll();

 private:
  // Every process that holds the other end of alive_.
  std::vector<pid_t> FindAlive() const;

  ChildProcess(pid_t pid, UniqueFd alive) : pid_(pid), alive_(std::move(alive)) {}

  pid_t pid_;
  // The read end of a pipe that only the program and its descendants can write to: it hangs up
  // when the last of them has ended.
  UniqueFd alive_;
  bool reaped_ = false;
  int wait_status_ = 0;
};

}  // namespace millrace
