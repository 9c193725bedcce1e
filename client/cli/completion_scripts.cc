#include "client/cli/completion_scripts.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace millrace::cli {
namespace {

// As one word of a POSIX shell.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string FishQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// The beginning of a description, for a list in which each has a line.
std::string Brief(const std::string& description) {
  return description.substr(0, description.find_first_of(";:."));
}

std::string ParentPath(const CompletableCommand& command) {
  const size_t space = command.path.rfind(' ');
  return space == std::string::npos ? "" : command.path.substr(0, space);
}

// The root's options may stand behind every subcommand; a subcommand's own of that name go first.
std::vector<CompletableOption> OptionsAt(const CompletableCommand& command,
                                         const CompletableCommand& root) {
  std::vector<CompletableOption> options = command.options;
  if (command.path.empty()) return options;
  for (const CompletableOption& global : root.options) {
    bool hidden = false;
    for (const CompletableOption& own : command.options) hidden |= own.names == global.names;
    if (!hidden && global.names.back() != "--version") options.push_back(global);
  }
  return options;
}

const CompletableCommand& CommandAt(const std::string& path,
                                    const std::vector<CompletableCommand>& commands) {
  for (const CompletableCommand& command : commands) {
    if (command.path == path) return command;
  }
  return commands.front();
}

std::vector<std::string> NamesOf(const std::vector<CompletableOption>& options) {
  std::vector<std::string> names;
  for (const CompletableOption& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// "'jobs/add') at='jobs add' ;;" for each command: the steps down the tree.
std::string StepCases(const std::vector<CompletableCommand>& commands) {
  std::string cases;
  for (const CompletableCommand& command : commands) {
    if (command.path.empty()) continue;
    absl::StrAppend(&cases, "      ", Quoted(ParentPath(command) + "/" + command.name),
                    ") at=", Quoted(command.path), " ;;\n");
  }
  return cases;
}

// A case for each option that takes a value, with what `complete` says for it.
std::string ValueCases(const std::vector<CompletableCommand>& commands,
                       const std::function<std::string(const CompletableOption&)>& complete) {
  std::string cases;
  for (const CompletableCommand& command : commands) {
    for (const CompletableOption& option : OptionsAt(command, commands.front())) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        patterns.push_back(Quoted(command.path + "/" + name));
      }
      absl::StrAppend(&cases, "    ", absl::StrJoin(patterns, "|"), ") ", complete(option),
                      "; return ;;\n");
    }
  }
  return cases;
}

std::string ZshItem(const std::string& name, const std::string& description) {
  return Quoted(absl::StrCat(name, ":", Brief(description)));
}

// The lists of what may stand at a command.
std::string ZshLists(const CompletableCommand& command,
                     const std::vector<CompletableCommand>& commands) {
  std::vector<std::string> words;
  for (const std::string& name : command.subcommands) {
    const std::string path = absl::StrCat(command.path, command.path.empty() ? "" : " ", name);
    words.push_back(ZshItem(name, CommandAt(path, commands).description));
  }
  for (const std::string& choice : command.argument_choices) words.push_back(Quoted(choice));
  std::vector<std::string> options;
  for (const CompletableOption& option : OptionsAt(command, commands.front())) {
    for (const std::string& name : option.names) {
      options.push_back(ZshItem(name, option.description));
    }
  }
  return absl::StrCat("    ", Quoted(command.path), ")\n      arguments=(",
                      absl::StrJoin(words, " "), ")\n      options=(",
                      absl::StrJoin(options, "\n        "), ") ;;\n");
}

// One line of fish: what may stand where `condition` holds.
std::string FishOption(const std::string& program, const std::string& condition,
                       const CompletableOption& option) {
  std::string line = absl::StrCat("complete -c ", program, condition);
  for (const std::string& name : option.names) {
    absl::StrAppend(&line,
                    name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
  }
  if (!option.choices.empty()) {
    absl::StrAppend(&line, " -x -a ", FishQuoted(absl::StrJoin(option.choices, " ")));
  } else if (option.takes_value) {
    line += " -r";
  }
  return absl::StrCat(line, " -d ", FishQuoted(Brief(option.description)), "\n");
}

}  // namespace

std::string BashCompletion(const std::string& program,
                           const std::vector<CompletableCommand>& commands) {
  const std::string steps = StepCases(commands);
  const std::string values = ValueCases(commands, [](const CompletableOption& option) {
    if (option.choices.empty()) return std::string("compopt -o default; COMPREPLY=()");
    return absl::StrCat("COMPREPLY=($(compgen -W ", Quoted(absl::StrJoin(option.choices, " ")),
                        " -- \"$current\"))");
  });
  std::string words;
  for (const CompletableCommand& command : commands) {
    std::vector<std::string> arguments = command.subcommands;
    arguments.insert(arguments.end(), command.argument_choices.begin(),
                     command.argument_choices.end());
    absl::StrAppend(
        &words, "    ", Quoted(command.path),
        ")\n      arguments=", Quoted(absl::StrJoin(arguments, " ")), "\n      options=",
        Quoted(absl::StrJoin(NamesOf(OptionsAt(command, commands.front())), " ")), " ;;\n");
  }
  return absl::StrCat(
      "# Completes ", program,
      " in bash. Write it to\n# ~/.local/share/bash-completion/completions/", program,
      ", or load it with: source <(", program, " completion bash)\n_", program,
      "() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local at='' arguments='' options='' i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$at/${COMP_WORDS[i]}\" in\n",
      steps,
      "    esac\n"
      "  done\n"
      "  case \"$at/$previous\" in\n",
      values,
      "  esac\n"
      "  case \"$at\" in\n",
      words,
      "  esac\n"
      "  if [[ $current == -* ]]; then arguments=$options; fi\n"
      "  if [[ -z $arguments ]]; then compopt -o default; COMPREPLY=(); return; fi\n"
      "  COMPREPLY=($(compgen -W \"$arguments\" -- \"$current\"))\n"
      "}\n"
      "complete -F _",
      program, " ", program, "\n");
}

std::string ZshCompletion(const std::string& program,
                          const std::vector<CompletableCommand>& commands) {
  const std::string values = ValueCases(commands, [](const CompletableOption& option) {
    if (option.choices.empty()) return std::string("_files");
    return "compadd -- " + absl::StrJoin(option.choices, " ");
  });
  std::string lists;
  for (const CompletableCommand& command : commands) lists += ZshLists(command, commands);
  return absl::StrCat(
      "#compdef ", program, "\n# Completes ", program, " in zsh. Write it to a file _", program,
      " in a folder of $fpath, or load it with: source <(", program, " completion zsh)\n_", program,
      "() {\n"
      "  local at='' word\n"
      "  local -a arguments options\n"
      "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
      "    case \"$at/$word\" in\n",
      StepCases(commands),
      "    esac\n"
      "  done\n"
      "  case \"$at/${words[CURRENT-1]}\" in\n",
      values,
      "  esac\n"
      "  case \"$at\" in\n",
      lists,
      "  esac\n"
      "  if [[ ${words[CURRENT]} == -* ]]; then\n"
      "    _describe option options\n"
      "  elif (( ${#arguments} )); then\n"
      "    _describe argument arguments\n"
      "  else\n"
      "    _files\n"
      "  fi\n"
      "}\n"
      "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then\n  _",
      program, " \"$@\"\nelse\n  compdef _", program, " ", program, "\nfi\n");
}

std::string FishCompletion(const std::string& program,
                           const std::vector<CompletableCommand>& commands) {
  std::string script =
      absl::StrCat("# Completes ", program, " in fish. Write it to ~/.config/fish/completions/",
                   program, ".fish\nfunction __", program,
                   "_at\n"
                   "  set -l at ''\n"
                   "  for word in (commandline -opc)[2..]\n"
                   "    switch \"$at/$word\"\n");
  for (const CompletableCommand& command : commands) {
    if (command.path.empty()) continue;
    absl::StrAppend(&script, "      case ", FishQuoted(ParentPath(command) + "/" + command.name),
                    "\n        set at ", FishQuoted(command.path), "\n");
  }
  absl::StrAppend(&script, "    end\n  end\n  test \"$at\" = \"$argv[1]\"\nend\n");
  for (const CompletableCommand& command : commands) {
    const std::string condition =
        absl::StrCat(" -n ", FishQuoted(absl::StrCat("__", program, "_at \"", command.path, "\"")));
    for (const std::string& name : command.subcommands) {
      const std::string path = absl::StrCat(command.path, command.path.empty() ? "" : " ", name);
      absl::StrAppend(&script, "complete -c ", program, condition, " -f -a ", name, " -d ",
                      FishQuoted(Brief(CommandAt(path, commands).description)), "\n");
    }
    if (!command.argument_choices.empty()) {
      absl::StrAppend(&script, "complete -c ", program, condition, " -f -a ",
                      FishQuoted(absl::StrJoin(command.argument_choices, " ")), "\n");
    }
    for (const CompletableOption& option : OptionsAt(command, commands.front())) {
      script += FishOption(program, condition, option);
    }
  }
  return script;
}

}  // namespace millrace::cli
