#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/console.h"
#include "client/cli/exit_code.h"
#include "client/library/connection.h"
#include "client/output/json_object.h"
#include "client/output/style.h"
#include "server/base/clock.h"

namespace millrace::cli {

// Why a call or a stream failed, without the layers through which the reason came.
std::string CauseOf(const absl::Status& status);

// One run of the command: its global options, the console, the connection, and what the chosen
// subcommand does. Owned by RunCommandLine. Used from one thread: the command's.
class Session {
 public:
  // The global options, filled in while the command line is parsed. A plain value.
  struct Options {
    std::string address = "127.0.0.1:50051";
    absl::Duration timeout = absl::Seconds(10);
    // The timeout was said, and is not the default.
    bool timeout_given = false;
    std::string output = "table";
    bool no_color = false;
  };

  Session(Console& console, Clock& clock) : console_(console), clock_(clock) {}

  Options& options() { return options_; }
  Console& console() { return console_; }
  Clock& clock() { return clock_; }
  std::ostream& out() { return console_.out; }

  bool json() const { return options_.output == "json"; }
  bool colored() const { return console_.colors && !options_.no_color; }
  size_t width() const { return console_.width; }

  // The subcommand that was named sets it; it runs when the whole command line is known to be good.
  void set_action(std::function<absl::Status(Session&)> action) { action_ = std::move(action); }
  absl::Status RunAction() { return action_(*this); }

  // Makes the connection, the first time; does no I/O. INVALID_ARGUMENT for a bad address.
  absl::StatusOr<const client::Connection*> Connect();

  // How long the answer is waited for, where that is not the timeout of the options.
  void set_patience(absl::Duration patience) { patience_ = patience; }

  // What a call may have done even if its answer does not come in time; nothing by default.
  void set_doubt(const std::string& doubt) { doubt_ = doubt; }

  // The error of the subcommand says all that there is to say.
  void set_said_in_full() { said_in_full_ = true; }

  // The signal that ended the subcommand in order; 0 if none did.
  void set_interrupted_by(int signal) { interrupted_by_ = signal; }
  int interrupted_by() const { return interrupted_by_; }

  // What a subcommand that did what it was told has found, where that is not 0.
  void set_exit_code(ExitCode code) { exit_code_ = code; }
  ExitCode exit_code() const { return exit_code_; }

  // For programs: one object on one line.
  void Write(const JsonObject& object) { out() << object.Text() << '\n'; }
  // For people: a remark on standard error, which does not mix with what was asked for.
  void Remark(const std::string& text);

  // The one line that says what went wrong, where, and how to mend it.
  std::string Explain(const absl::Status& status) const;

  // OK unless what was written did not arrive, as on a full disk.
  absl::Status FlushOutput();

 private:
  // Constant after construction.
  Console& console_;
  Clock& clock_;

  Options options_;
  std::function<absl::Status(Session&)> action_;
  std::unique_ptr<client::Connection> connection_;
  std::optional<absl::Duration> patience_;
  std::string doubt_;
  bool said_in_full_ = false;
  int interrupted_by_ = 0;
  ExitCode exit_code_ = kExitOk;
};

}  // namespace millrace::cli
