#include "server/model/json_checker.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

// More than any text may have; larger exponents count as this.
constexpr long kLargestExponent = 1'000'000'000;

// Receives what the parser reads, and refuses what jsonb would.
class JsonbLimits : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, JsonbLimits> {
 public:
  explicit JsonbLimits(size_t max_depth) : max_depth_(max_depth) {}

  bool Default() { return true; }
  bool RawNumber(const char* number, rapidjson::SizeType length, bool) {
    const std::string text(number, length);
    const size_t mark = text.find_first_of("eE");
    if (mark != std::string::npos) {
      const long exponent = std::strtol(text.c_str() + mark + 1, nullptr, 10);
      written_out_ += static_cast<size_t>(
          std::min(std::labs(std::max(exponent, -kLargestExponent)), kLargestExponent));
    }
    return true;
  }
  bool String(const char* string, rapidjson::SizeType length, bool) {
    return Text({string, length});
  }
  bool Key(const char* key, rapidjson::SizeType length, bool) { return Text({key, length}); }
  bool StartObject() { return Enter(); }
  bool StartArray() { return Enter(); }
  bool EndObject(rapidjson::SizeType) { return Leave(); }
  bool EndArray(rapidjson::SizeType) { return Leave(); }

  const std::string& fault() const { return fault_; }
  // The digits that exponents stand for.
  size_t written_out() const { return written_out_; }

 private:
  bool Text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
      fault_ = "holds \\u0000, which PostgreSQL's jsonb cannot store";
    } else if (text.find('\xED') != std::string_view::npos &&
               CleanUtf8(text, text.size()) != text) {
      fault_ = "holds half of a surrogate pair";  // the parser makes such bytes of a lone \uDC00
    }
    return fault_.empty();
  }
  bool Enter() {
    if (++depth_ > max_depth_) fault_ = absl::StrCat("nested deeper than ", max_depth_);
    return fault_.empty();
  }
  bool Leave() {
    --depth_;
    return true;
  }

  const size_t max_depth_;
  size_t depth_ = 0;
  size_t written_out_ = 0;
  std::string fault_;
};

}  // namespace

bool JsonChecker::Check(bool must_be_object) {
  const size_t first = text_.find_first_not_of(" \t\r\n");
  const bool object = first != std::string_view::npos && text_[first] == '{';
  // The parser takes a NUL for the end of the text.
  if (const size_t nul = text_.find('\0'); nul != std::string_view::npos) {
    fault_ = absl::StrCat("not valid JSON (at byte ", nul, ")");
    return false;
  }
  JsonbLimits limits(max_depth_);
  rapidjson::MemoryStream stream(text_.data(), text_.size());
  rapidjson::Reader reader;
  // Iterative: hostile nesting must not use up the stack. Numbers as text: jsonb keeps them
  // exactly.
  reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
               rapidjson::kParseValidateEncodingFlag>(stream, limits);
  expanded_bytes_ = text_.size() + limits.written_out();
  if (reader.HasParseError()) {
    const bool bad_text = reader.GetParseErrorCode() == rapidjson::kParseErrorStringInvalidEncoding;
    fault_ = !limits.fault().empty() ? limits.fault()
                                     : absl::StrCat(bad_text ? "not valid UTF-8" : "not valid JSON",
                                                    " (at byte ", reader.GetErrorOffset(), ")");
  } else if (must_be_object && !object) {
    fault_ = "must be a JSON object";
  }
  return fault_.empty();
}

}  // namespace millrace
