#include "server/model/json_number.h"

#include <algorithm>
#include <cstdlib>

namespace millrace {
namespace {

constexpr std::string_view kDigits = "0123456789";
// Far beyond what numeric holds; larger exponents count as this.
constexpr int64_t kLargestExponent = 1'000'000'000;
constexpr int64_t kMostWholeDigits = 131'072;
constexpr int64_t kMostFractionDigits = 16'383;

// Takes the digits that `text` begins with off it.
std::string_view TakeDigits(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of(kDigits));
  text.remove_prefix(digits.size());
  return digits;
}

bool Take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

int64_t Bounded(std::string_view digits) {
  int64_t value = 0;
  for (const char digit : digits) value = std::min(value * 10 + (digit - '0'), kLargestExponent);
  return value;
}

int64_t Length(std::string_view digits) { return static_cast<int64_t>(digits.size()); }

}  // namespace

std::optional<JsonNumber> JsonNumber::Read(std::string_view text) {
  JsonNumber number;
  Take(text, "-");
  const std::string_view whole = TakeDigits(text);
  if (whole.empty() || (whole[0] == '0' && whole.size() > 1)) return std::nullopt;
  std::string_view fraction;
  if (Take(text, ".")) {
    fraction = TakeDigits(text);
    if (fraction.empty()) return std::nullopt;
  }
  if (Take(text, "eE")) {
    const bool negative = !text.empty() && text[0] == '-';
    Take(text, "+-");
    const std::string_view exponent = TakeDigits(text);
    if (exponent.empty()) return std::nullopt;
    number.exponent_ = negative ? -Bounded(exponent) : Bounded(exponent);
  }
  if (!text.empty()) return std::nullopt;

  number.fraction_digits_ = Length(fraction);
  if (whole != "0") {
    number.whole_digits_ = Length(whole);
  } else if (const size_t zeros = fraction.find_first_not_of('0');
             zeros != std::string_view::npos) {
    number.whole_digits_ = -static_cast<int64_t>(zeros);
  }
  return number;
}

bool JsonNumber::FitsNumeric() const {
  return std::abs(exponent_) < kLargestExponent &&
         (!whole_digits_ || *whole_digits_ + exponent_ <= kMostWholeDigits) &&
         fraction_digits_ - exponent_ <= kMostFractionDigits;
}

size_t JsonNumber::digits_of_exponent() const { return static_cast<size_t>(std::abs(exponent_)); }

}  // namespace millrace
