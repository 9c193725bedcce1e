#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

// The extent of a number of JSON (RFC 8259, section 6). Its value is not worked out, since no type
// of C++ holds it exactly.
class JsonNumber {
 public:
  // Nothing if `text` is not one number as a whole.
  static std::optional<JsonNumber> Read(std::string_view text);

  // Whether numeric, the type that jsonb keeps numbers in, holds it: up to 131,072 digits before
  // the point and 16,383 after it.
  bool FitsNumeric() const;

  // How many digits its exponent adds when it is written out; at most 1,000,000,000.
  size_t digits_of_exponent() const;

 private:
  // Digits before the point without leading zeros; after a point, the leading zeros count as less
  // than none (0.001: -2). Nothing for a zero.
  std::optional<int64_t> whole_digits_;
  int64_t fraction_digits_ = 0;
  int64_t exponent_ = 0;
};

}  // namespace millrace
