#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

// Looks whether a text is one JSON value (RFC 8259) that PostgreSQL's jsonb can store: well-formed
// UTF-8, no \u0000, no half of a surrogate pair, no number beyond numeric, not nested too deeply.
// Builds no document.
// Used from one thread: the caller's, for one text.
class JsonChecker {
 public:
  // `text` must outlive the checker.
  JsonChecker(std::string_view text, size_t max_depth) : text_(text), max_depth_(max_depth) {}

  // Whether it is. If not, fault() says what is wrong and, for malformed text, at which byte.
  bool Check(bool must_be_object);
  const std::string& fault() const { return fault_; }

  // After Check: the bytes of the text with its numbers written out, as jsonb gives them back (1e9
  // has ten digits).
  size_t expanded_bytes() const { return expanded_bytes_; }

 private:
  // What Check finds but for the kind of value; empty if nothing.
  std::string FaultOfText();

  const std::string_view text_;
  const size_t max_depth_;
  size_t expanded_bytes_ = 0;
  std::string fault_;
};

}  // namespace millrace
