#include "client/cli/help_formatter.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/command_tree.h"

namespace millrace::cli {
namespace {

constexpr size_t kColumns = 100;

std::string Wrapped(const std::string& text, size_t width) {
  std::string wrapped;
  size_t used = 0;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(text, ' '))) {
    if (used > 0 && used + 1 + word.size() > width) {
      wrapped += '\n';
      used = 0;
    }
    if (used > 0) {
      wrapped += ' ';
      ++used;
    }
    wrapped += word;
    used += word.size();
  }
  return wrapped;
}

}  // namespace

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return Wrapped(app->get_description(), kColumns) + "\n";
}

std::string HelpFormatter::make_subcommand(const CLI::App* subcommand) const {
  // The first words of a long description.
  const std::string description = subcommand->get_description();
  std::string text = "  " + subcommand->get_name();
  text.resize(get_column_width(), ' ');
  return absl::StrCat(text, description.substr(0, description.find_first_of(":;.")), "\n");
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_items_expected_max() == 0) return "";
  const std::vector<std::string> choices = ChoicesOf(*option);
  // Long lists stand in the description.
  if (!choices.empty() && choices.size() < 5) return " " + absl::StrJoin(choices, "|");
  const std::string type = option->get_type_name();
  const std::string base = type.substr(0, type.find(':'));
  return base.empty() ? "" : " " + base;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string description = option->get_description();
  const std::vector<std::string> choices = ChoicesOf(*option);
  if (choices.size() >= 5) absl::StrAppend(&description, ": ", absl::StrJoin(choices, ", "));
  if (option->get_required()) description += " (required)";
  if (!option->get_default_str().empty()) {
    absl::StrAppend(&description, " (by default ", option->get_default_str(), ")");
  }
  if (!option->get_envname().empty()) {
    absl::StrAppend(&description, " (environment: ", option->get_envname(), ")");
  }
  return Wrapped(description, kColumns - get_column_width());
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  std::string footer = app->get_footer();
  if (app->get_parent() != nullptr) {
    absl::StrAppend(&footer, footer.empty() ? "" : "\n\n",
                    "The options of millrace itself (--address, --timeout, --output, --no-color) "
                    "may stand here too;\nthey, the output and the exit codes are explained by "
                    "millrace --help.");
  }
  return footer + "\n";
}

}  // namespace millrace::cli
