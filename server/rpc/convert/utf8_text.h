#pragma once

#include <string>

namespace millrace {

// `text` as it may stand in a message: what is not UTF-8 is replaced by U+FFFD, since clients
// refuse a whole message for one bad byte. For texts that handlers and libraries write freely.
std::string ToUtf8Text(const std::string& text);

}  // namespace millrace
