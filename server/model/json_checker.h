#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

// Looks whether a text is one JSON value (RFC 8259) that PostgreSQL's jsonb can store: well-formed
// UTF-8, no \u0000, no half of a surrogate pair, not nested too deeply. Numbers may be of any size,
// since jsonb keeps them exactly. Builds nothing and needs memory only for the message.
// Used from one thread: the caller's, for one text.
class JsonChecker {
 public:
  JsonChecker(std::string_view text, size_t max_depth) : text_(text), max_depth_(max_depth) {}

  // Whether it is. If not, fault() says what is wrong and at which byte.
  bool Check(bool must_be_object);
  const std::string& fault() const { return fault_; }

 private:
  bool Value(size_t depth);
  bool Object(size_t depth);
  bool Array(size_t depth);
  bool String();
  bool Escape();
  // The four digits after \u, as a number; -1 with a fault if they are not there.
  int HexDigits();
  bool Number();
  bool Digits();
  bool Literal(std::string_view word);

  void SkipSpace();
  // Steps over `c` if it comes next.
  bool Next(char c);
  // Steps over one of `choices` if it comes next.
  bool NextOf(std::string_view choices);
  bool Fault(const std::string& what);
  bool NotJson();

  const std::string_view text_;
  const size_t max_depth_;
  size_t at_ = 0;
  std::string fault_;
};

}  // namespace millrace
