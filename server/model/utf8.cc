#include "server/model/utf8.h"

#include <cstdint>

namespace millrace {

size_t Utf8SequenceLength(std::string_view text, char32_t* code) {
  if (text.empty()) return 0;
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = lead < 0x80   ? 1
                        : lead < 0xC2 ? 0
                        : lead < 0xE0 ? 2
                        : lead < 0xF0 ? 3
                        : lead < 0xF5 ? 4
                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  char32_t value = length == 1 ? lead : lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return 0;
    value = value << 6 | (next & 0x3F);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return 0;
  if (code != nullptr) *code = value;
  return length;
}

size_t ValidUtf8Prefix(std::string_view text) {
  size_t valid = 0;
  while (const size_t length = Utf8SequenceLength(text.substr(valid))) valid += length;
  return valid;
}

bool IsPrintableUtf8(std::string_view text) {
  while (!text.empty()) {
    char32_t code = 0;
    const size_t length = Utf8SequenceLength(text, &code);
    if (length == 0 || code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string CleanUtf8(std::string_view text, size_t max_bytes) {
  std::string clean;
  while (!text.empty()) {
    const size_t length = text[0] == '\0' ? 0 : Utf8SequenceLength(text);
    const std::string_view next = length == 0 ? kUtf8Replacement : text.substr(0, length);
    if (clean.size() + next.size() > max_bytes) break;
    clean += next;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

}  // namespace millrace
