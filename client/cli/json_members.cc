#include "client/cli/json_members.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace millrace::cli {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Cuts an object into its members. Used by SplitJsonObject alone.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<JsonMember>> Split() {
    if (!Take('{')) return Fault("it must be a JSON object");
    if (!Take('}')) {
      do {
        if (absl::Status taken = TakeMember(); !taken.ok()) return taken;
      } while (Take(','));
      if (!Take('}')) return Fault("expected , or }");
    }
    SkipSpace();
    if (position_ != text_.size()) return Fault("there is more behind the object");
    return std::move(members_);
  }

 private:
  absl::Status Fault(const std::string& what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("not valid JSON at byte ", position_ + 1, ": ", what));
  }

  void SkipSpace() {
    while (position_ < text_.size() && IsSpace(text_[position_])) ++position_;
  }

  bool Take(char c) {
    SkipSpace();
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  absl::Status TakeMember() {
    SkipSpace();
    const size_t begin = position_;
    if (!SkipString()) return Fault("expected a name in quotes");
    const auto name = nlohmann::json::parse(text_.substr(begin, position_ - begin), nullptr,
                                            /*allow_exceptions=*/false);
    if (!name.is_string()) return Fault("the name is no valid string");
    JsonMember member{name.get<std::string>(), {}};
    if (!Take(':')) return Fault("expected : after a name");
    SkipSpace();
    const size_t value = position_;
    if (!SkipValue()) return Fault("the value has no end");
    member.value = text_.substr(value, position_ - value);
    for (const JsonMember& other : members_) {
      if (other.name == member.name) return Fault(absl::StrCat(member.name, " comes twice"));
    }
    members_.push_back(std::move(member));
    return absl::OkStatus();
  }

  bool SkipString() {
    if (position_ == text_.size() || text_[position_] != '"') return false;
    for (++position_; position_ < text_.size(); ++position_) {
      if (text_[position_] == '"') {
        ++position_;
        return true;
      }
      if (text_[position_] == '\\') ++position_;
    }
    position_ = text_.size();
    return false;
  }

  // To the comma or the bracket behind it.
  bool SkipValue() {
    const size_t begin = position_;
    size_t depth = 0;
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '"') {
        if (!SkipString()) return false;
        continue;
      }
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (closes || c == ',' || IsSpace(c))) return position_ > begin;
      if (closes) --depth;
      if (c == '{' || c == '[') ++depth;
      ++position_;
    }
    return false;
  }

  const std::string_view text_;
  size_t position_ = 0;
  std::vector<JsonMember> members_;
};

}  // namespace

absl::StatusOr<std::vector<JsonMember>> SplitJsonObject(std::string_view text) {
  return Splitter(text).Split();
}

}  // namespace millrace::cli
