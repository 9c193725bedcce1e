#include "client/cli/options.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/output/time_text.h"

namespace millrace::cli {
namespace {

// Its answer is the fault, nothing if there is none.
std::string RefuseEmpty(const std::string& text) { return text.empty() ? "must not be empty" : ""; }

}  // namespace

CLI::Option* AddDurationOption(CLI::App& command, const std::string& name, absl::Duration least,
                               std::function<void(absl::Duration)> set,
                               const std::string& description) {
  const auto parse = [name, least, set = std::move(set)](const std::string& text) {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    if (!duration.ok()) throw CLI::ValidationError(name, std::string(duration.status().message()));
    if (*duration < least || *duration > absl::Hours(24)) {
      throw CLI::ValidationError(
          name, absl::StrCat("must be ", DurationText(least), " to 24h, got ", text));
    }
    set(*duration);
  };
  return command.add_option_function<std::string>(name, parse, description)->type_name("DURATION");
}

CLI::Option* AddTextOption(CLI::App& command, const std::string& name, std::string& value,
                           const std::string& description) {
  return command.add_option(name, value, description)->check(RefuseEmpty)->type_name("TEXT");
}

CLI::Option* AddListOption(CLI::App& command, const std::string& name,
                           std::vector<std::string>& values, const std::string& description) {
  return command.add_option(name, values, description + "; may be given several times")
      ->allow_extra_args(false)
      ->check(RefuseEmpty)
      ->type_name("TEXT");
}

CLI::Option* AddChoiceOption(CLI::App& command, const std::string& name, std::string& value,
                             const std::vector<std::string>& choices,
                             const std::string& description) {
  return command.add_option(name, value, description)->check(CLI::IsMember(choices))->type_name("");
}

}  // namespace millrace::cli
