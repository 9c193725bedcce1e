#include "client/cli/command_line.h"

#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/help_formatter.h"
#include "client/cli/options.h"
#include "client/cli/session.h"
#include "client/output/text.h"
#include "server/model/utf8.h"

namespace millrace::cli {
namespace {

// Of an argument that is refused.
constexpr size_t kMostShownBytes = 100;

constexpr char kFooter[] =
    "For programs, --output json prints one JSON object on one line for each thing: fields are\n"
    "named as in millrace.v1, ids and sequences are numbers, times RFC 3339 in UTC, durations\n"
    "seconds as numbers, payloads and results JSON values, and what is unset is null or \"\".\n\n";

void AddGlobalOptions(CLI::App& app, Session::Options& options) {
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION, "Print the version");
  app.add_option("--address", options.address,
                 "The server: host:port or unix:/path; without a port, 50051")
      ->capture_default_str()
      ->envname("MILLRACE_ADDRESS")
      ->type_name("ADDRESS");
  AddDurationOption(
      app, "--timeout", absl::Milliseconds(1),
      [&options](absl::Duration timeout) {
        options.timeout = timeout;
        options.timeout_given = true;
      },
      "How long to wait for an answer; by default 10s, and for stop as long as that may take");
  AddChoiceOption(app, "--output", options.output, {"table", "json"},
                  "For people or for programs; by default table");
  app.add_flag("--no-color", options.no_color,
               "No colours on a terminal, as with NO_COLOR in the environment");
}

void AddCommands(CLI::App& app, Session& session) {
  app.require_subcommand(1);
  AddStartCommand(app, session);
  AddStopCommand(app, session);
  AddForceStopCommand(app, session);
  AddStatsCommand(app, session);
  AddSetCommand(app, session);
  AddWorkerIdCommand(app, session);
  CLI::App* const pools = app.add_subcommand("pools", "Look at the pools that share the database");
  pools->require_subcommand(1);
  AddPoolsListCommand(*pools, session);
  AddEventsCommand(app, session);
  AddRunCommand(app, session);
  CLI::App* const jobs = app.add_subcommand("jobs", "Add jobs, look at them and end them");
  jobs->require_subcommand(1);
  AddJobsAddCommand(*jobs, session);
  AddJobsAddManyCommand(*jobs, session);
  AddJobsGetCommand(*jobs, session);
  AddJobsWaitCommand(*jobs, session);
  AddJobsListCommand(*jobs, session);
  AddJobsCancelCommand(*jobs, session);
  AddJobsFailCommand(*jobs, session);
  AddJobsResetOverdueCommand(*jobs, session);
  AddCompletionCommand(app, session);
}

// The parser counts what was given; people want to know what to take out.
std::string InPlainWords(const std::string& fault) {
  const size_t at = fault.find(": At Most 1 required but received ");
  if (at == std::string::npos) return fault;
  const bool twice = fault.ends_with(" 2");
  return absl::StrCat(fault.substr(0, at), ": given ", twice ? "twice" : "more than once");
}

// What is wrong with the arguments, and where to read how they should be.
std::string UsageFault(const CLI::ParseError& error, const CLI::App& app) {
  std::string name = app.get_name();
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    absl::StrAppend(&name, " ", at->get_name());
  }
  std::string fault = InPlainWords(error.what());
  const bool lacks_command = at->get_subcommands().empty() && at->get_require_subcommand_min() > 0;
  if (lacks_command) {
    // The parser asks for a command even if there is one that it does not know.
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    if (unknown.empty()) {
      fault = "a command is missing";
    } else {
      const bool option = unknown.front().starts_with('-');
      fault = absl::StrCat("unknown ", option ? "option " : "command ", unknown.front());
    }
  }
  return absl::StrCat(fault, "; see ", name, " --help");
}

int Fail(ExitCode code, const std::string& message, Console& console) {
  console.out.flush();
  console.err << "millrace: " << VisibleText(message) << std::endl;
  return code;
}

// What is no UTF-8 could not be sent. OK, or which argument it is.
absl::Status CheckEncoding(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t valid = ValidUtf8Prefix(arguments[i]);
    if (valid == arguments[i].size()) continue;
    return absl::InvalidArgumentError(absl::StrCat("argument ", i + 1, ", ",
                                                   CleanUtf8(arguments[i], kMostShownBytes),
                                                   ", is not UTF-8 from byte ", valid + 1));
  }
  return absl::OkStatus();
}

int Run(Session& session) {
  const absl::Status result = session.RunAction();
  const absl::Status flushed = session.FlushOutput();
  if (session.interrupted_by() != 0) return 128 + session.interrupted_by();
  if (!result.ok()) return Fail(ExitCodeOf(result), session.Explain(result), session.console());
  if (!flushed.ok()) return Fail(ExitCodeOf(flushed), session.Explain(flushed), session.console());
  return session.exit_code();
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, Console& console, Clock& clock) {
  if (const absl::Status encoding = CheckEncoding(arguments); !encoding.ok()) {
    return Fail(kExitUsage, std::string(encoding.message()), console);
  }
  Session session(console, clock);
  CLI::App app("Operates a Millrace server: its worker pool, its jobs and its events.", "millrace");
  // Options of the whole command may stand behind the subcommand too.
  app.fallthrough();
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_help_ptr()->description("Print this help");
  AddGlobalOptions(app, session.options());
  AddCommands(app, session);
  app.footer(std::string(kFooter) + kExitCodesHelp);  // last: subcommands would inherit it
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::Success& success) {  // help and version
    app.exit(success, console.out, console.err);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return Fail(kExitUsage, UsageFault(error, app), console);
  }
  return Run(session);
}

}  // namespace millrace::cli
