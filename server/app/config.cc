#include "server/app/config.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/app/command_line.h"
#include "server/app/config_file.h"
#include "server/app/database_url.h"
#include "server/app/help_text.h"

namespace millrace {
namespace {

constexpr char kUrl[] = "database-url";
constexpr char kUrlFile[] = "database-url-file";
constexpr char kConfig[] = "config";

// Where a value comes from; the higher one wins.
enum class Source { kConfigFile, kCommonEnvironment, kEnvironment, kCommandLine };

struct Given {
  Source source;
  std::string value;
  // How the user knows it, such as "--concurrency" or "MILLRACE_CONCURRENCY".
  std::string shown_as;
};

std::string DefaultDataDir(const Environment& environment) {
  if (geteuid() == 0) return "/var/lib/millrace";
  const std::string data_home = environment("XDG_DATA_HOME").value_or("");
  if (!data_home.empty()) return data_home + "/millrace";
  const std::string home = environment("HOME").value_or("");
  return home.empty() ? "" : home + "/.local/share/millrace";
}

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name[0] == '\0' ? "localhost" : name;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", path, ", which is a folder"));
  }
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path, " (", strerror(errno), ")"));
  }
  return text.str();
}

// All options of the command line: those of the table and the two that name files.
std::vector<OptionInfo> InfosOf(const std::vector<ServerOption>& table) {
  std::vector<OptionInfo> infos;
  for (const ServerOption& option : table) {
    infos.push_back(option.info);
    if (option.info.name != kUrl) continue;
    infos.push_back({.group = option.info.group,
                     .name = kUrlFile,
                     .value_name = "FILE",
                     .environment = "MILLRACE_DATABASE_URL_FILE",
                     .help = "A file that holds the connection string or URI, so that a password "
                             "shows neither in the arguments nor in the environment."});
  }
  infos.push_back({.group = "General",
                   .name = kConfig,
                   .value_name = "FILE",
                   .environment = "MILLRACE_CONFIG",
                   .help = "A configuration file: lines of name = value, with the names of these "
                           "options without their dashes."});
  return infos;
}

// What the value of an option must be, such as "1 to 1024"; empty if nothing is said of that.
// Bounds are known to the modules alone, which name them where a value is beyond: so they are given
// one.
std::string RangeOf(const std::string& name) {
  const std::string beginning = absl::StrCat(name, ": must be ");
  for (const char* beyond : {"9223372036854775807", "2147483647", "0"}) {
    ServerOptions options;
    for (const ServerOption& option : MakeOptionTable(options)) {
      if (option.info.name == name) option.set(beyond).IgnoreError();
    }
    const std::vector<std::string> faults =
        absl::StrSplit(absl::StrJoin(FindFaults(options), "; "), "; ");
    for (const std::string& fault : faults) {
      if (!absl::StartsWith(fault, beginning)) continue;
      return fault.substr(beginning.size(), fault.find(", got") - beginning.size());
    }
  }
  return "";
}

// Gathers the values of one start, and the faults.
class ConfigReader {
 public:
  ConfigReader(const Environment& environment, const std::string& version)
      : environment_(environment), version_(version) {
    config_.options.data_dir = DefaultDataDir(environment);
    config_.options.pool_name = HostName();
    table_ = MakeOptionTable(config_.options);
    infos_ = InfosOf(table_);
  }

  absl::StatusOr<Config> Read(const std::vector<std::string>& arguments,
                              const OptionsCheck& check) {
    ReadArguments(arguments);
    if (config_.text_to_print.has_value()) return std::move(config_);
    ReadEnvironment();
    ReadConfigFile();
    ChooseDatabase();
    for (const ServerOption& option : table_) Apply(option);
    for (std::string& fault : FindFaults(config_.options)) faults_.push_back(std::move(fault));
    if (absl::Status more = check(config_.options); !more.ok()) {
      faults_.emplace_back(more.message());
    }
    if (faults_.empty()) return std::move(config_);
    return absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(faults_, "; "), "; see millrace-server --help"));
  }

 private:
  void Give(const std::string& name, Given given) {
    const auto known = given_.find(name);
    if (known == given_.end() || known->second.source < given.source) {
      given_[name] = std::move(given);
    }
  }

  void ReadArguments(const std::vector<std::string>& arguments) {
    CommandLine line = ReadCommandLine(arguments, infos_);
    if (line.wants_help) config_.text_to_print = HelpText(ListOptions());
    if (line.wants_version) {
      config_.text_to_print = absl::StrCat("millrace-server ", version_, "\n");
    }
    faults_ = std::move(line.faults);
    for (auto& [name, value] : line.values) {
      Give(name, {Source::kCommandLine, std::move(value), "--" + name});
    }
  }

  void ReadEnvironment() {
    for (const OptionInfo& info : infos_) {
      const std::string value = environment_(info.environment).value_or("");
      if (!value.empty()) Give(info.name, {Source::kEnvironment, value, info.environment});
    }
    const std::string common = environment_("DATABASE_URL").value_or("");
    if (!common.empty()) Give(kUrl, {Source::kCommonEnvironment, common, "DATABASE_URL"});
  }

  void ReadConfigFile() {
    const auto named = given_.find(kConfig);
    if (named == given_.end()) return;
    absl::StatusOr<std::string> text = ReadFile(named->second.value);
    if (!text.ok()) {
      faults_.push_back(absl::StrCat("config: ", std::string(text.status().message())));
      return;
    }
    std::map<std::string, int> lines;
    for (ConfigFileEntry& entry : ParseConfigFile(*text, faults_)) {
      const bool known = entry.name != kConfig &&
                         std::any_of(infos_.begin(), infos_.end(), [&](const OptionInfo& info) {
                           return info.name == entry.name;
                         });
      if (!known) {
        faults_.push_back(
            absl::StrCat("config: line ", entry.line, ": unknown setting \"", entry.name, "\""));
        continue;
      }
      const std::string shown_as = absl::StrCat("config: line ", entry.line, ": ", entry.name);
      const auto [first, is_new] = lines.emplace(entry.name, entry.line);
      if (!is_new) {
        faults_.push_back(absl::StrCat(shown_as, ": is given in line ", first->second, " already"));
      }
      Give(entry.name, {Source::kConfigFile, std::move(entry.value), shown_as});
    }
  }

  // A connection string and a file with one exclude each other; the one of the higher source wins.
  void ChooseDatabase() {
    const auto file = given_.find(kUrlFile);
    if (file == given_.end()) return;
    const auto url = given_.find(kUrl);
    if (url != given_.end() && url->second.source == file->second.source) {
      faults_.push_back(
          absl::StrCat(url->second.shown_as, " and ", file->second.shown_as, ": give one of them"));
      return;
    }
    if (url != given_.end() && url->second.source > file->second.source) return;
    absl::StatusOr<std::string> text = ReadFile(file->second.value);
    if (!text.ok()) {
      faults_.push_back(
          absl::StrCat(file->second.shown_as, ": ", std::string(text.status().message())));
      return;
    }
    const std::string found(absl::StripAsciiWhitespace(*text));
    given_[kUrl] = {file->second.source, found, file->second.shown_as};
  }

  void Apply(const ServerOption& option) {
    const auto found = given_.find(option.info.name);
    if (found == given_.end()) return;
    const Given& given = found->second;
    const bool is_url = option.info.name == kUrl;
    if (is_url && given.value.empty()) {
      faults_.push_back(absl::StrCat(given.shown_as, ": holds no connection string"));
      return;
    }
    if (is_url && !IsDatabaseUrl(given.value)) {
      faults_.push_back(absl::StrCat(given.shown_as,
                                     ": is neither a URI that begins with postgresql:// nor a "
                                     "connection string such as \"host=db.example.org "
                                     "dbname=jobs\""));
      return;
    }
    const absl::Status set = option.set(given.value);
    if (set.ok()) return;
    const std::string range = RangeOf(option.info.name);
    faults_.push_back(absl::StrCat(given.shown_as, ": ", std::string(set.message()),
                                   range.empty() ? "" : ", ", range, ", got \"", given.value,
                                   "\""));
  }

  const Environment& environment_;
  const std::string version_;
  Config config_;
  std::vector<ServerOption> table_;
  std::vector<OptionInfo> infos_;
  std::map<std::string, Given> given_;
  std::vector<std::string> faults_;
};

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

absl::StatusOr<Config> ReadConfig(const std::vector<std::string>& arguments,
                                  const Environment& environment, const std::string& version,
                                  const OptionsCheck& check) {
  return ConfigReader(environment, version).Read(arguments, check);
}

void HideSecrets(int argc, char** argv) {
  const std::string name = absl::StrCat("--", kUrl);
  for (int i = 1; i < argc; ++i) {
    char* value = nullptr;
    if (name == argv[i] && i + 1 < argc) value = argv[i + 1];
    if (absl::StartsWith(argv[i], name + "=")) value = argv[i] + name.size() + 1;
    if (value != nullptr) memset(value, '*', strlen(value));
  }
}

std::vector<OptionInfo> ListOptions() {
  ServerOptions defaults;
  std::vector<OptionInfo> infos = InfosOf(MakeOptionTable(defaults));
  infos.push_back({.group = "General", .name = "help", .help = "Print this and leave."});
  infos.push_back({.group = "General", .name = "version", .help = "Print the version and leave."});
  return infos;
}

}  // namespace millrace
