#pragma once

#include <string>
#include <string_view>

namespace millrace::cli {

// What a piece of output says by its colour; the words always say it too.
enum class Style { kPlain, kHeading, kGood, kBad, kWarning, kFaint };

// `text` in the colours of `style`, or as it is if `colored` is false.
std::string Styled(std::string_view text, Style style, bool colored);

}  // namespace millrace::cli
