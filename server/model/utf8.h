#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

// U+FFFD, which stands for what is not well-formed.
inline constexpr std::string_view kUtf8Replacement = "\xEF\xBF\xBD";

// The length in bytes, 1 to 4, of the well-formed UTF-8 sequence (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF) that `text` begins with; 0 if it begins with none. If `code`
// is given, it gets the character.
size_t Utf8SequenceLength(std::string_view text, char32_t* code = nullptr);

// How many bytes of `text` are well-formed UTF-8 before the first that is not; all if all are.
size_t ValidUtf8Prefix(std::string_view text);

// Whether `text` is well-formed UTF-8 and holds no control characters (U+0000 to U+001F, U+007F to
// U+009F).
bool IsPrintableUtf8(std::string_view text);

// `text` as a database can keep it: bytes that are not well-formed UTF-8, and U+0000, become
// U+FFFD, and what goes beyond `max_bytes` is cut off between two characters. Other control
// characters, such as line ends, stay.
std::string CleanUtf8(std::string_view text, size_t max_bytes);

}  // namespace millrace
