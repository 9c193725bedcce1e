#include "client/output/json_object.h"

#include <charconv>

#include "client/output/text.h"
#include "client/output/time_text.h"
#include "server/model/json_checker.h"

namespace millrace::cli {
namespace {

// Twice as deep as what is stored, so that nothing that was is taken for a text.
constexpr size_t kMostDepth = 200;

bool IsJson(std::string_view text) {
  return JsonChecker(text, kMostDepth).Check(/*must_be_object=*/false);
}

}  // namespace

JsonObject& JsonObject::Add(std::string_view name, std::string_view text) {
  return AddRaw(name, JsonString(text));
}

JsonObject& JsonObject::Add(std::string_view name, const std::vector<std::string>& texts) {
  std::string array = "[";
  for (const std::string& text : texts) {
    if (array.size() > 1) array += ',';
    array += JsonString(text);
  }
  return AddRaw(name, array + "]");
}

JsonObject& JsonObject::Add(std::string_view name, int64_t number) {
  return AddRaw(name, std::to_string(number));
}

JsonObject& JsonObject::AddUnsigned(std::string_view name, uint64_t number) {
  return AddRaw(name, std::to_string(number));
}

JsonObject& JsonObject::AddReal(std::string_view name, double number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return AddRaw(name, {digits, static_cast<size_t>(end - digits)});
}

JsonObject& JsonObject::AddBool(std::string_view name, bool value) {
  return AddRaw(name, value ? "true" : "false");
}

JsonObject& JsonObject::Add(std::string_view name, std::optional<absl::Time> time) {
  return time.has_value() ? AddRaw(name, JsonString(Rfc3339(*time))) : AddNull(name);
}

JsonObject& JsonObject::Add(std::string_view name, absl::Duration duration) {
  return AddRaw(name, SecondsNumber(duration));
}

JsonObject& JsonObject::AddJson(std::string_view name, std::string_view json) {
  if (json.empty()) return AddNull(name);
  // A document may stand on several lines; an output line may not.
  const bool one_line = json.find_first_of("\n\r") == std::string_view::npos;
  if (!one_line || !IsJson(json)) return Add(name, json);
  return AddRaw(name, VisibleJson(json));
}

JsonObject& JsonObject::AddObject(std::string_view name, const JsonObject& object) {
  return AddRaw(name, object.Text());
}

JsonObject& JsonObject::AddObjects(std::string_view name, const std::vector<JsonObject>& objects) {
  std::string array = "[";
  for (const JsonObject& object : objects) {
    if (array.size() > 1) array += ',';
    array += object.Text();
  }
  return AddRaw(name, array + "]");
}

JsonObject& JsonObject::AddNull(std::string_view name) { return AddRaw(name, "null"); }

JsonObject& JsonObject::AddRaw(std::string_view name, std::string_view value) {
  text_ += text_.empty() ? '{' : ',';
  text_ += JsonString(name);
  text_ += ':';
  text_ += value;
  return *this;
}

}  // namespace millrace::cli
