#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace millrace::cli {

// Builds one JSON object on one line, with members in the order of the calls. Numbers are written
// exactly, timestamps as RFC 3339 in UTC, durations as seconds. Owned by its user. Used from one
// thread: that of its user.
class JsonObject {
 public:
  JsonObject& Add(std::string_view name, std::string_view text);
  JsonObject& Add(std::string_view name, const std::vector<std::string>& texts);
  JsonObject& Add(std::string_view name, int64_t number);
  JsonObject& AddUnsigned(std::string_view name, uint64_t number);
  // REQUIRES: it is finite.
  JsonObject& AddReal(std::string_view name, double number);
  JsonObject& AddBool(std::string_view name, bool value);
  // Nothing is null.
  JsonObject& Add(std::string_view name, std::optional<absl::Time> time);
  JsonObject& Add(std::string_view name, absl::Duration duration);
  // JSON text as it is; empty is null, and what is no JSON becomes a string.
  JsonObject& AddJson(std::string_view name, std::string_view json);
  JsonObject& AddObject(std::string_view name, const JsonObject& object);
  JsonObject& AddObjects(std::string_view name, const std::vector<JsonObject>& objects);
  JsonObject& AddNull(std::string_view name);

  // "{...}", without a newline.
  std::string Text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  JsonObject& AddRaw(std::string_view name, std::string_view value);

  std::string text_;
};

}  // namespace millrace::cli
