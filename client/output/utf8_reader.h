#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::cli {

// One character of a text, or one byte that is none. A plain value.
struct Utf8Character {
  // Nothing for a byte that does not belong to well-formed UTF-8.
  std::optional<uint32_t> code;
  std::string_view bytes;
};

// Reads a text character by character. Borrows the text. Used from one thread: that of its user.
class Utf8Reader {
 public:
  explicit Utf8Reader(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  // REQUIRES: not AtEnd.
  Utf8Character Next();

 private:
  std::string_view rest_;
};

}  // namespace millrace::cli
