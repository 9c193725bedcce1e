#include "tasks/support/exact_json.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace millrace {
namespace {

using nlohmann::json;

// Writes what the parser reports of one member of the outermost object. The interface, with its
// names, is that of the parser.
class MemberWriter final : public json::json_sax_t {
 public:
  explicit MemberWriter(std::string member) : member_(std::move(member)) {}

  bool found() const { return found_; }
  std::string TakeText() { return std::move(text_); }

  bool null() override { return Value("null"); }
  bool boolean(bool value) override { return Value(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return Value(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Value(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) override { return Value(text); }
  bool string(string_t& value) override { return Value(json(value).dump()); }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*elements*/) override { return Open('{'); }
  bool end_object() override { return Close('}'); }
  bool start_array(std::size_t /*elements*/) override { return Open('['); }
  bool end_array() override { return Close(']'); }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      writing_ = name == member_;
      // Of a name that comes twice the last counts, as in the database.
      if (writing_) text_.clear();
      if (writing_) found_ = true;
      return true;
    }
    if (!writing_) return true;
    Separate();
    text_ += json(name).dump() + ":";
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const json::exception& /*error*/) override {
    return false;
  }

 private:
  // Puts the comma between elements.
  void Separate() {
    const bool first = text_.empty() || text_.back() == '[' || text_.back() == '{';
    if (!first && text_.back() != ':') text_ += ',';
  }

  bool Value(const std::string& value) {
    if (!writing_) return depth_ > 0;
    Separate();
    text_ += value;
    return true;
  }

  bool Open(char bracket) {
    if (++depth_ == 1) return bracket == '{';
    if (!writing_) return true;
    Separate();
    text_ += bracket;
    return true;
  }

  bool Close(char bracket) {
    if (--depth_ == 0 || !writing_) return true;
    text_ += bracket;
    return true;
  }

  const std::string member_;
  bool found_ = false;
  bool writing_ = false;
  int depth_ = 0;
  std::string text_;
};

}  // namespace

std::optional<std::string> ExactJsonMember(const std::string& object, const std::string& member) {
  MemberWriter writer(member);
  if (!json::sax_parse(object, &writer) || !writer.found()) return std::nullopt;
  return writer.TakeText();
}

}  // namespace millrace
