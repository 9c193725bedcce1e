#pragma once

#include <string>

#include "CLI/App.hpp"
#include "CLI/Formatter.hpp"

namespace millrace::cli {

// Writes --help: lines of at most 100 columns, options with the values that they take, and what
// is true for all commands. Owned by the parser. Thread-compatible.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }

  std::string make_description(const CLI::App* app) const override;
  std::string make_subcommand(const CLI::App* subcommand) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_footer(const CLI::App* app) const override;
};

}  // namespace millrace::cli
