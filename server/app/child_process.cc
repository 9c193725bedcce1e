#include "server/app/child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// Where descriptors stand in the child: standard ones, the inherited one, the sign of life, and
// the one that tells of failures until exec.
constexpr int kInheritedFd = 3;
constexpr int kAliveFd = 4;
constexpr int kFailureFd = 5;
// Above all of these.
constexpr int kFirstFreeFd = 16;

enum class Step : int { kDescriptors, kUser, kParentDeathSignal, kDirectory, kExecute };

struct Failure {
  Step step;
  int error;
};

// Everything that the child needs, prepared before fork: between fork and exec only calls that are
// safe in a copy of a process with many threads are made.
struct ChildPlan {
  const ChildProcess::Options* options;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  pid_t parent;
  int alive_fd;
  int failure_fd;
};

[[noreturn]] void Fail(int failure_fd, Step step) {
  const Failure failure{step, errno};
  if (write(failure_fd, &failure, sizeof(failure)) < 0) _exit(126);
  _exit(127);
}

void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves `fd` to a number that nothing below will be put upon.
int Lift(int fd) { return fd < 0 ? -1 : fcntl(fd, F_DUPFD, kFirstFreeFd); }

// Puts the descriptors into their places and closes all others. Returns the failure descriptor, or
// -1 with errno.
int ArrangeDescriptors(const ChildPlan& plan) {
  const int null_fd = open("/dev/null", O_RDWR);
  const int input = Lift(null_fd);
  const int output = Lift(plan.options->output_fd >= 0 ? plan.options->output_fd : null_fd);
  const int inherited =
      Lift(plan.options->inherited_fd >= 0 ? plan.options->inherited_fd : null_fd);
  const int alive = Lift(plan.alive_fd);
  const int failure = Lift(plan.failure_fd);
  if (input < 0 || output < 0 || inherited < 0 || alive < 0 || failure < 0) return -1;
  if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
      dup2(output, STDERR_FILENO) < 0 || dup2(inherited, kInheritedFd) < 0 ||
      dup2(alive, kAliveFd) < 0 || dup3(failure, kFailureFd, O_CLOEXEC) < 0) {
    return -1;
  }
  if (close_range(kFailureFd + 1, ~0U, 0) != 0) {
    const int limit = static_cast<int>(sysconf(_SC_OPEN_MAX));
    for (int fd = kFailureFd + 1; fd < limit; ++fd) close(fd);
  }
  return kFailureFd;
}

bool DropPrivileges(const ProcessUser& user) {
  return setgroups(user.groups.size(), user.groups.data()) == 0 && setgid(user.gid) == 0 &&
         setuid(user.uid) == 0;
}

[[noreturn]] void RunChild(const ChildPlan& plan) {
  const ChildProcess::Options& options = *plan.options;
  ResetSignals();
  setsid();
  umask(077);
  const int failure_fd = ArrangeDescriptors(plan);
  if (failure_fd < 0) Fail(plan.failure_fd, Step::kDescriptors);
  if (options.user.drops_privileges && !DropPrivileges(options.user)) Fail(failure_fd, Step::kUser);
  // A change of user clears this, so it comes after.
  if (prctl(PR_SET_PDEATHSIG, SIGINT) != 0) Fail(failure_fd, Step::kParentDeathSignal);
  if (getppid() != plan.parent) _exit(0);
  if (chdir(options.working_directory.c_str()) != 0) Fail(failure_fd, Step::kDirectory);
  execve(plan.arguments[0], plan.arguments.data(), plan.environment.data());
  Fail(failure_fd, Step::kExecute);
}

absl::Status DescribeFailure(const Failure& failure, const ChildProcess::Options& options) {
  switch (failure.step) {
    case Step::kDescriptors:
      return absl::ErrnoToStatus(failure.error, "cannot arrange the descriptors of a child");
    case Step::kUser:
      return absl::ErrnoToStatus(failure.error,
                                 absl::StrCat("cannot become user ", options.user.name));
    case Step::kParentDeathSignal:
      return absl::ErrnoToStatus(failure.error, "cannot tie a child to this process");
    case Step::kDirectory:
      return absl::ErrnoToStatus(
          failure.error,
          absl::StrCat("user ", options.user.name, " cannot enter ", options.working_directory));
    case Step::kExecute:
      break;
  }
  return absl::ErrnoToStatus(failure.error, absl::StrCat("cannot run ", options.command[0]));
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const Options& options) {
  int alive[2];
  if (pipe2(alive, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  UniqueFd alive_read(alive[0]), alive_write(alive[1]);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  UniqueFd failure_read(failure[0]), failure_write(failure[1]);

  std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"};
  ChildPlan plan{&options, {}, {}, getpid(), alive_write.get(), failure_write.get()};
  for (const std::string& word : options.command) {
    plan.arguments.push_back(const_cast<char*>(word.c_str()));
  }
  plan.arguments.push_back(nullptr);
  for (const std::string& entry : environment) {
    plan.environment.push_back(const_cast<char*>(entry.c_str()));
  }
  plan.environment.push_back(nullptr);

  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot start a process");
  if (pid == 0) RunChild(plan);
  alive_write.Close();
  failure_write.Close();
  Failure reported;
  ssize_t length;
  do {
    length = read(failure_read.get(), &reported, sizeof(reported));
  } while (length < 0 && errno == EINTR);
  if (length == sizeof(reported)) {
    waitpid(pid, nullptr, 0);
    return DescribeFailure(reported, options);
  }
  return ChildProcess(pid, std::move(alive_read));
}

bool ChildProcess::WaitUntilEnded(absl::Duration timeout, int interrupt_fd) {
  if (reaped_) return true;
  // Hanging up is always reported; a negative descriptor is skipped.
  pollfd waited[2] = {{alive_.get(), 0, 0}, {interrupt_fd, POLLIN, 0}};
  const int timeout_ms =
      timeout > absl::Hours(24) ? -1 : static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(waited, 2, timeout_ms) <= 0 || waited[0].revents == 0) return false;
  pid_t ended;
  do {
    ended = waitpid(pid_, &wait_status_, 0);
  } while (ended < 0 && errno == EINTR);
  reaped_ = true;
  return true;
}

std::string ChildProcess::ending() const {
  if (WIFSIGNALED(wait_status_)) return absl::StrCat("signal ", WTERMSIG(wait_status_));
  return absl::StrCat("exit status ", WEXITSTATUS(wait_status_));
}

bool ChildProcess::succeeded() const {
  return WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0;
}

void ChildProcess::Signal(int signal_number) {
  if (!reaped_) kill(pid_, signal_number);
}

void ChildProcess::KillAll() {
  // Again and again, since a process that was just being started is not found.
  do {
    Signal(SIGKILL);
    for (const pid_t pid : FindAlive()) kill(pid, SIGKILL);
  } while (!WaitUntilEnded(absl::Milliseconds(100), -1));
}

std::vector<pid_t> ChildProcess::FindAlive() const {
  std::vector<pid_t> found;
  struct stat pipe;
  if (fstat(alive_.get(), &pipe) != 0) return found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid) || pid == getpid()) continue;
    struct stat held;
    const std::string path = absl::StrCat("/proc/", pid, "/fd/", kAliveFd);
    const bool holds =
        stat(path.c_str(), &held) == 0 && held.st_dev == pipe.st_dev && held.st_ino == pipe.st_ino;
    if (holds) found.push_back(pid);
  }
  return found;
}

}  // namespace millrace
