#include "server/model/json_checker.h"

#include "absl/strings/str_cat.h"
#include "server/model/utf8.h"

namespace millrace {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool JsonChecker::Check(bool must_be_object) {
  SkipSpace();
  if (must_be_object && at_ < text_.size() && text_[at_] != '{') {
    // Malformed text is called that, and not a value of the wrong kind.
    const size_t start = at_;
    if (!Value(0)) return false;
    at_ = start;
    fault_ = "must be a JSON object";
    return false;
  }
  if (!Value(0)) return false;
  SkipSpace();
  return at_ == text_.size() || NotJson();
}

bool JsonChecker::Value(size_t depth) {
  SkipSpace();
  if (at_ == text_.size()) return NotJson();
  switch (text_[at_]) {
    case '{':
      return Object(depth + 1);
    case '[':
      return Array(depth + 1);
    case '"':
      return String();
    case 't':
      return Literal("true");
    case 'f':
      return Literal("false");
    case 'n':
      return Literal("null");
    default:
      return Number();
  }
}

bool JsonChecker::Object(size_t depth) {
  if (depth > max_depth_) return Fault(absl::StrCat("nested deeper than ", max_depth_));
  Next('{');
  SkipSpace();
  if (Next('}')) return true;
  do {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != '"') return NotJson();
    if (!String()) return false;
    SkipSpace();
    if (!Next(':')) return NotJson();
    if (!Value(depth)) return false;
    SkipSpace();
  } while (Next(','));
  return Next('}') || NotJson();
}

bool JsonChecker::Array(size_t depth) {
  if (depth > max_depth_) return Fault(absl::StrCat("nested deeper than ", max_depth_));
  Next('[');
  SkipSpace();
  if (Next(']')) return true;
  do {
    if (!Value(depth)) return false;
    SkipSpace();
  } while (Next(','));
  return Next(']') || NotJson();
}

bool JsonChecker::String() {
  Next('"');
  while (at_ < text_.size() && text_[at_] != '"') {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x20) return NotJson();
    if (byte == '\\') {
      if (!Escape()) return false;
    } else if (byte < 0x80) {
      ++at_;
    } else {
      const size_t length = Utf8SequenceLength(text_.substr(at_));
      if (length == 0) return Fault("not valid UTF-8");
      at_ += length;
    }
  }
  return Next('"') || NotJson();
}

bool JsonChecker::Escape() {
  Next('\\');
  if (NextOf("\"\\/bfnrt")) return true;
  if (!Next('u')) return NotJson();
  const int code = HexDigits();
  if (code < 0) return false;
  if (code == 0) return Fault("holds \\u0000, which PostgreSQL's jsonb cannot store");
  if (code < 0xD800 || code > 0xDFFF) return true;
  const bool pair = code < 0xDC00 && Next('\\') && Next('u');
  const int low = pair ? HexDigits() : 0;
  if (low < 0) return false;
  return (low >= 0xDC00 && low <= 0xDFFF) || Fault("holds half of a surrogate pair");
}

int JsonChecker::HexDigits() {
  int code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const int digit = at_ < text_.size() ? HexValue(text_[at_]) : -1;
    if (digit < 0) {
      NotJson();
      return -1;
    }
    code = code * 16 + digit;
  }
  return code;
}

bool JsonChecker::Number() {
  Next('-');
  if (!Next('0') && !Digits()) return NotJson();
  if (Next('.') && !Digits()) return NotJson();
  if (NextOf("eE")) {
    NextOf("+-");
    if (!Digits()) return NotJson();
  }
  return true;
}

bool JsonChecker::Digits() {
  const size_t start = at_;
  while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
  return at_ > start;
}

bool JsonChecker::Literal(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) return NotJson();
  at_ += word.size();
  return true;
}

void JsonChecker::SkipSpace() {
  while (NextOf(" \t\r\n")) {
  }
}

bool JsonChecker::Next(char c) {
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool JsonChecker::NextOf(std::string_view choices) {
  if (at_ == text_.size() || choices.find(text_[at_]) == std::string_view::npos) return false;
  ++at_;
  return true;
}

bool JsonChecker::Fault(const std::string& what) {
  if (fault_.empty()) fault_ = absl::StrCat(what, " (at byte ", at_, ")");
  return false;
}

bool JsonChecker::NotJson() { return Fault("not valid JSON"); }

}  // namespace millrace
