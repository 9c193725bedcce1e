#include "client/output/utf8_reader.h"

namespace millrace::cli {
namespace {

// Of the sequence that begins with this byte; 0 if none does.
size_t SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

bool IsScalarValue(uint32_t code, size_t length) {
  if (length == 3) return code >= 0x800 && (code < 0xD800 || code > 0xDFFF);
  if (length == 4) return code >= 0x10000 && code <= 0x10FFFF;
  return true;
}

std::optional<uint32_t> Decode(std::string_view text, size_t length) {
  if (length == 0 || length > text.size()) return std::nullopt;
  const auto lead = static_cast<uint8_t>(text[0]);
  uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    code = code << 6 | (next & 0x3FU);
  }
  if (!IsScalarValue(code, length)) return std::nullopt;
  return code;
}

}  // namespace

Utf8Character Utf8Reader::Next() {
  const size_t length = SequenceLength(static_cast<uint8_t>(rest_[0]));
  Utf8Character character;
  character.code = Decode(rest_, length);
  character.bytes = rest_.substr(0, character.code.has_value() ? length : 1);
  rest_.remove_prefix(character.bytes.size());
  return character;
}

}  // namespace millrace::cli
