#include "server/app/help_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace millrace {
namespace {

constexpr size_t kWidth = 100;
constexpr char kIndent[] = "      ";
constexpr char kSignalsAndExitCodes[] =
    "Signals:\n"
    "  SIGTERM or SIGINT stops the server in order: handlers may run on for the graceful shutdown\n"
    "  timeout. A second one asks them to stop at once, a third one leaves the process.\n\n"
    "Exit codes:\n"
    "  0  stopped in order\n"
    "  1  could not start, or not migrate: the line on standard error says why and how to mend it\n"
    "  2  settings that are wrong\n"
    "  3  handlers ignored the request to stop, or an event handler never returned; the process "
    "left\n"
    "     all the same\n"
    "  4  the database did not take what became of some jobs, which therefore run again\n"
    "  5  with --on-lost-lease exit: handlers still ran when the lease of the pool ended\n";

std::string Wrapped(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  std::string wrapped, line = kIndent;
  for (const std::string& word : words) {
    const bool is_first = line == kIndent;
    if (!is_first && line.size() + 1 + word.size() > kWidth) {
      absl::StrAppend(&wrapped, line, "\n");
      line = kIndent;
    }
    absl::StrAppend(&line, line == kIndent ? "" : " ", word);
  }
  return absl::StrCat(wrapped, line, "\n");
}

std::string Entry(const OptionInfo& option) {
  std::string text = absl::StrCat("  --", option.name);
  if (option.has_negation) absl::StrAppend(&text, ", --no-", option.name);
  if (!option.value_name.empty()) absl::StrAppend(&text, " ", option.value_name);
  std::string meaning = option.help;
  if (!option.default_text.empty()) {
    absl::StrAppend(&meaning, " Default: ", option.default_text, ".");
  }
  if (!option.environment.empty()) absl::StrAppend(&meaning, " [", option.environment, "]");
  return absl::StrCat(text, "\n", Wrapped(meaning));
}

}  // namespace

std::string HelpText(const std::vector<OptionInfo>& options) {
  std::string text =
      "Usage: millrace-server [OPTIONS]\n\n"
      "Runs the jobs of a queue that is kept in PostgreSQL, and serves gRPC to add jobs and to\n"
      "operate the pool that runs them. Without options it uses a private PostgreSQL of its "
      "own.\n\n"
      "Each option can be given on the command line, by the environment variable in brackets or "
      "in\n"
      "the configuration file, in this order of precedence. Names that end in -ms are times in\n"
      "milliseconds.\n";
  std::string group;
  for (const OptionInfo& option : options) {
    if (option.group != group) absl::StrAppend(&text, "\n", option.group, ":\n");
    group = option.group;
    absl::StrAppend(&text, Entry(option));
  }
  return absl::StrCat(text, "\n", kSignalsAndExitCodes);
}

}  // namespace millrace
