#include "server/model/json_checker.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/model/json_number.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

// Receives what the parser reads, and refuses what jsonb would.
class JsonbLimits : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonbLimits(size_t max_depth) : max_depth_(max_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& text) override { return Text(text); }
  bool key(string_t& text) override { return Text(text); }
  bool start_object(std::size_t) override { return Enter(); }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  // `read` counts the byte that is at fault.
  bool parse_error(std::size_t read, const std::string&,
                   const nlohmann::json::exception& error) override {
    const bool surrogate = std::string_view(error.what()).find("surrogate") != std::string::npos;
    fault_ = surrogate
                 ? "holds half of a surrogate pair"
                 : absl::StrCat("not valid JSON (at byte ", std::max<size_t>(read, 1) - 1, ")");
    return false;
  }

  const std::string& fault() const { return fault_; }

 private:
  bool Text(const string_t& text) {
    if (text.find('\0') == string_t::npos) return true;
    fault_ = "holds \\u0000, which PostgreSQL's jsonb cannot store";
    return false;
  }
  bool Enter() {
    if (++depth_ <= max_depth_) return true;
    fault_ = absl::StrCat("nested deeper than ", max_depth_);
    return false;
  }
  bool Leave() {
    --depth_;
    return true;
  }

  const size_t max_depth_;
  size_t depth_ = 0;
  std::string fault_;
};

// Calls `on_number(text, length)` for what looks like a number outside of the strings of `text`.
template <typename OnNumber>
void ForEachNumber(std::string& text, OnNumber on_number) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\') ++i;
      }
    } else if (text[i] == '-' || absl::ascii_isdigit(text[i])) {
      const size_t end = std::min(text.find_first_not_of("0123456789+-.eE", i), text.size());
      on_number(text.data() + i, end - i);
      i = end - 1;
    }
  }
}

}  // namespace

bool JsonChecker::Check(bool must_be_object) {
  fault_ = FaultOfText();
  const size_t first = text_.find_first_not_of(" \t\r\n");
  if (fault_.empty() && must_be_object && text_[first] != '{') fault_ = "must be a JSON object";
  return fault_.empty();
}

std::string JsonChecker::FaultOfText() {
  // The parser takes a NUL for the end of the text, and skips a byte order mark.
  if (const size_t nul = text_.find('\0'); nul != std::string_view::npos)
    return absl::StrCat("not valid JSON (at byte ", nul, ")");
  if (text_.starts_with("\xEF\xBB\xBF")) return "not valid JSON (at byte 0)";
  if (const size_t valid = ValidUtf8Prefix(text_); valid < text_.size())
    return absl::StrCat("not valid UTF-8 (at byte ", valid, ")");
  std::string text(text_);
  std::string beyond;
  // The parser refuses what a double cannot hold, but jsonb keeps numbers exactly. So good numbers
  // are looked at here, and the parser finds a zero in their place.
  ForEachNumber(text, [&](char* begin, size_t length) {
    const auto number = JsonNumber::Read({begin, length});
    if (!number) return;  // which is left for the parser to refuse, with its place
    if (beyond.empty() && !number->FitsNumeric())
      beyond = absl::StrCat("holds a number that PostgreSQL's numeric cannot (at byte ",
                            begin - text.data(), ")");
    expanded_bytes_ += number->digits_of_exponent();
    *begin = '0';
    std::fill(begin + 1, begin + length, ' ');
  });
  expanded_bytes_ += text_.size();
  JsonbLimits limits(max_depth_);
  if (!nlohmann::json::sax_parse(text, &limits)) return limits.fault();
  return beyond;
}

}  // namespace millrace
