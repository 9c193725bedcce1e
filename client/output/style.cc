#include "client/output/style.h"

namespace millrace::cli {
namespace {

std::string_view Sequence(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kHeading:
      return "\x1b[1m";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kWarning:
      return "\x1b[33m";
    case Style::kFaint:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string Styled(std::string_view text, Style style, bool colored) {
  const std::string_view sequence = Sequence(style);
  if (!colored || sequence.empty() || text.empty()) return std::string(text);
  std::string styled(sequence);
  styled += text;
  return styled + "\x1b[0m";
}

}  // namespace millrace::cli
