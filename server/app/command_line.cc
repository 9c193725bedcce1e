#include "server/app/command_line.h"

#include <algorithm>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace millrace {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kOwnFlags[] = {"-h", "--help", "--version"};

// What a word of the command line is.
enum class Word { kNone, kFlag, kNameWithoutValue, kValue, kUnknownOption, kStray };

std::string NameIn(const std::string& word) { return word.substr(0, word.find('=')); }

bool NamesOptionWithValue(const OptionInfo& option, const std::string& name) {
  return !option.value_name.empty() && name == "--" + option.name;
}

bool NamesFlag(const OptionInfo& option, const std::string& name) {
  if (!option.value_name.empty()) return false;
  return name == "--" + option.name || (option.has_negation && name == "--no-" + option.name);
}

// Whether it cannot be a connection string, a part of one, or a word with a meaning to a terminal.
bool IsHarmless(const std::string& word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

// Tells of the words of one command line which of them belong to no option.
class StrayFinder {
 public:
  StrayFinder(const Words& arguments, const std::vector<OptionInfo>& options)
      : arguments_(arguments), options_(options) {}

  Words FindFaults() {
    Words faults;
    Word before = Word::kNone;
    for (size_t i = 0; i < arguments_.size(); ++i) {
      const Word kind = KindOf(arguments_[i], before);
      if (kind == Word::kUnknownOption) {
        // What follows may be a secret; only the name is repeated.
        faults.push_back(absl::StrCat("unknown option ", NameIn(arguments_[i])));
      }
      if (kind == Word::kStray) faults.push_back(DescribeStray(i, before));
      before = kind;
    }
    return faults;
  }

 private:
  Word KindOf(const std::string& word, Word before) const {
    const bool is_number = word.size() > 1 && absl::ascii_isdigit(word[1]);
    const bool is_option = absl::StartsWith(word, "-") && !is_number;
    if (!is_option) return before == Word::kNameWithoutValue ? Word::kValue : Word::kStray;
    const std::string name = NameIn(word);
    if (std::count(std::begin(kOwnFlags), std::end(kOwnFlags), name) > 0) return Word::kFlag;
    for (const OptionInfo& option : options_) {
      if (NamesFlag(option, name)) return Word::kFlag;
      if (!NamesOptionWithValue(option, name)) continue;
      return name == word ? Word::kNameWithoutValue : Word::kValue;
    }
    return Word::kUnknownOption;
  }

  // A word that may be a secret, such as one behind an unknown option, is named by its place.
  std::string DescribeStray(size_t place, Word before) const {
    const std::string& word = arguments_[place];
    if (!IsHarmless(word) || before == Word::kUnknownOption || before == Word::kStray) {
      return absl::StrCat("argument ", place + 1, " belongs to no option");
    }
    if (before != Word::kFlag) return absl::StrCat("\"", word, "\" belongs to no option");
    const std::string flag = NameIn(arguments_[place - 1]);
    std::string fault = absl::StrCat(flag, ": takes no value, got \"", word, "\"");
    for (const OptionInfo& option : options_) {
      if (!option.has_negation || flag != "--" + option.name) continue;
      absl::StrAppend(&fault, " (it is switched off by --no-", option.name, ")");
    }
    return fault;
  }

  const Words& arguments_;
  const std::vector<OptionInfo>& options_;
};

// The parser takes arguments from the back, and takes --name= for a name without a value, so names
// and values are put apart.
Words InParserOrder(const Words& arguments, const std::vector<OptionInfo>& options) {
  Words words;
  for (const std::string& argument : arguments) {
    const std::string name = NameIn(argument);
    const bool takes_value =
        std::any_of(options.begin(), options.end(),
                    [&](const OptionInfo& option) { return NamesOptionWithValue(option, name); });
    words.push_back(takes_value ? name : argument);
    if (takes_value && name != argument) words.push_back(argument.substr(name.size() + 1));
  }
  std::reverse(words.begin(), words.end());
  return words;
}

CLI::Option* AddTo(CLI::App& app, const OptionInfo& info, Words& values) {
  const std::string name = "--" + info.name;
  if (!info.value_name.empty()) {
    return app.add_option(name, values)
        ->expected(1)
        // Each value needs its name before it.
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  return app.add_flag(info.has_negation ? absl::StrCat(name, ",!--no-", info.name) : name)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void TakeResults(const OptionInfo& info, const Words& results, CommandLine& line) {
  if (results.empty()) return;
  line.values[info.name] = info.is_list ? absl::StrJoin(results, ",") : results.back();
  const bool is_flag = info.value_name.empty();
  if (is_flag && std::count(results.begin(), results.end(), results[0]) !=
                     static_cast<std::ptrdiff_t>(results.size())) {
    line.faults.push_back(absl::StrCat("--", info.name, ": is switched both on and off"));
  }
  if (!is_flag && !info.is_list && results.size() > 1) {
    line.faults.push_back(absl::StrCat("--", info.name, ": takes one value, got ", results.size()));
  }
}

}  // namespace

CommandLine ReadCommandLine(const std::vector<std::string>& arguments,
                            const std::vector<OptionInfo>& options) {
  CommandLine line;
  CLI::App app;
  app.set_help_flag();
  const CLI::Option* help = app.add_flag("-h,--help");
  const CLI::Option* version = app.add_flag("--version");
  app.allow_extras();
  std::map<std::string, Words> values;
  std::map<std::string, const CLI::Option*> parsed;
  for (const OptionInfo& info : options) parsed[info.name] = AddTo(app, info, values[info.name]);
  try {
    app.parse(InParserOrder(arguments, options));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string said = error.what();
    line.faults.push_back(absl::StrCat(said.substr(0, said.find(':')), ": needs a value"));
  } catch (const CLI::ParseError& error) {
    line.faults.emplace_back(error.what());
  }
  line.wants_help = help->count() > 0;
  line.wants_version = version->count() > 0;
  for (std::string& fault : StrayFinder(arguments, options).FindFaults()) {
    line.faults.push_back(std::move(fault));
  }
  for (const OptionInfo& info : options) TakeResults(info, parsed[info.name]->results(), line);
  return line;
}

}  // namespace millrace
