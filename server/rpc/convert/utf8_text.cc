#include "server/rpc/convert/utf8_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {
namespace {

// The bytes of the character that `text` begins with; 0 if it does not begin with one.
size_t CharacterLength(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) >= 0xA0) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;
  return length;
}

bool IsAscii(char c) { return static_cast<uint8_t>(c) < 0x80; }

}  // namespace

std::string ToUtf8Text(const std::string& text) {
  if (std::all_of(text.begin(), text.end(), IsAscii)) return text;
  std::string valid;
  valid.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = CharacterLength(rest);
    valid += length == 0 ? std::string_view("\xEF\xBF\xBD") : rest.substr(0, length);
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}

}  // namespace millrace
