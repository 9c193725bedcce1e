#include "client/output/text.h"

#include <clocale>
#include <cstdint>
#include <cwchar>

#include "absl/strings/str_format.h"
#include "client/output/utf8_reader.h"

namespace millrace::cli {
namespace {

constexpr char kEllipsis[] = "…";

bool IsControl(uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Characters that take no place, or turn the direction of what follows them.
bool IsInvisible(uint32_t code) {
  return code == 0xAD || code == 0x61C || code == 0x180E || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
         code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE0FFF);
}

std::string Escape(uint32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code < 0x100 ? absl::StrFormat("\\x%02x", code) : absl::StrFormat("\\u{%x}", code);
  }
}

// In a JSON string, where a character beyond U+FFFF takes two.
std::string JsonEscape(uint32_t code) {
  if (code < 0x10000) return absl::StrFormat("\\u%04x", code);
  const uint32_t offset = code - 0x10000;
  return absl::StrFormat("\\u%04x\\u%04x", 0xD800 + (offset >> 10), 0xDC00 + (offset & 0x3FF));
}

// The C library's table of character widths, whatever locale the user has.
locale_t Utf8Locale() {
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

class ScopedUtf8Locale {
 public:
  ScopedUtf8Locale() : before_(Utf8Locale() == nullptr ? nullptr : uselocale(Utf8Locale())) {}
  ~ScopedUtf8Locale() {
    if (before_ != nullptr) uselocale(before_);
  }
  ScopedUtf8Locale(const ScopedUtf8Locale&) = delete;
  ScopedUtf8Locale& operator=(const ScopedUtf8Locale&) = delete;

 private:
  const locale_t before_;
};

// REQUIRES: a ScopedUtf8Locale.
size_t Width(const Utf8Character& character) {
  if (!character.code.has_value()) return 1;
  if (*character.code < 0x7F) return 1;
  const int width = wcwidth(static_cast<wchar_t>(*character.code));
  return width < 0 ? 1 : static_cast<size_t>(width);
}

}  // namespace

std::string VisibleText(std::string_view text) {
  std::string visible;
  visible.reserve(text.size());
  for (Utf8Reader reader(text); !reader.AtEnd();) {
    const Utf8Character character = reader.Next();
    if (!character.code.has_value()) {
      visible += Escape(static_cast<uint8_t>(character.bytes[0]));
    } else if (IsControl(*character.code) || IsInvisible(*character.code)) {
      visible += Escape(*character.code);
    } else {
      visible += character.bytes;
    }
  }
  return visible;
}

size_t TextWidth(std::string_view text) {
  const ScopedUtf8Locale locale;
  size_t width = 0;
  for (Utf8Reader reader(text); !reader.AtEnd();) width += Width(reader.Next());
  return width;
}

std::string Shortened(std::string_view text, size_t width) {
  if (text.size() <= width || TextWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  const ScopedUtf8Locale locale;
  std::string shortened;
  size_t used = 1;  // the ellipsis
  for (Utf8Reader reader(text); !reader.AtEnd();) {
    const Utf8Character character = reader.Next();
    used += Width(character);
    if (used > width) break;
    shortened += character.bytes;
  }
  return shortened + kEllipsis;
}

std::string VisibleJson(std::string_view json) {
  std::string visible;
  visible.reserve(json.size());
  for (Utf8Reader reader(json); !reader.AtEnd();) {
    const Utf8Character character = reader.Next();
    const uint32_t code = character.code.value_or(0xFFFD);
    // Below 0x20 there is only the space between tokens.
    if (code >= 0x20 && (IsControl(code) || IsInvisible(code))) {
      visible += JsonEscape(code);
    } else {
      visible += character.bytes;
    }
  }
  return visible;
}

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  json.reserve(text.size() + 2);
  for (Utf8Reader reader(text); !reader.AtEnd();) {
    const Utf8Character character = reader.Next();
    if (!character.code.has_value()) {
      json += "\xEF\xBF\xBD";
    } else if (*character.code == '"' || *character.code == '\\') {
      json += '\\';
      json += character.bytes;
    } else if (*character.code == '\n') {
      json += "\\n";
    } else if (IsControl(*character.code) || IsInvisible(*character.code)) {
      json += JsonEscape(*character.code);
    } else {
      json += character.bytes;
    }
  }
  return json + "\"";
}

}  // namespace millrace::cli
