#include "tests/unit/client/command_run.h"

#include <sstream>

#include "client/cli/command_line.h"
#include "server/base/clock.h"

namespace millrace::cli {
namespace {

// Shows the same time for ever, and waits in real time.
class StandingClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(1'720'000'000); }
  absl::Duration Monotonic() const override { return system_.Monotonic(); }
  bool WaitFor(Mutex& mutex, CondVar& changed, absl::Duration timeout,
               const std::function<bool()>& done) override {
    mutex.AssertHeld();
    return system_.WaitFor(mutex, changed, timeout, done);
  }

 private:
  SystemClock system_;
};

}  // namespace

CommandRun RunCommand(const std::vector<std::string>& arguments, const std::string& input,
                      TerminalLook look) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Console console{in, out, err};
  console.width = look.width;
  console.colors = look.colors;
  console.err_is_terminal = look.err_is_terminal;
  StandingClock clock;
  const int code = RunCommandLine(arguments, console, clock);
  return {code, out.str(), err.str()};
}

}  // namespace millrace::cli
