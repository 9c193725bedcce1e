#include "server/store/postgres/postgres_text.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "nlohmann/json.hpp"

namespace millrace {
namespace {

int Digits(std::string_view text, size_t from, size_t count) {
  int value = 0;
  for (size_t i = from; i < from + count && i < text.size(); ++i)
    value = value * 10 + (text[i] - '0');
  return value;
}

}  // namespace

void ArrayText::Separate() {
  if (text_.size() > 1) text_ += ',';
}

void ArrayText::AddRaw(std::string_view value) {
  Separate();
  text_ += value;
}

void ArrayText::AddInteger(int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  AddRaw({digits, static_cast<size_t>(end - digits)});
}

void ArrayText::AddReal(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  AddRaw({digits, static_cast<size_t>(end - digits)});
}

void ArrayText::AddText(std::string_view value) {
  Separate();
  text_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

std::string ArrayText::Take() {
  text_ += '}';
  return std::exchange(text_, "{");
}

std::string TextArray(const std::vector<std::string>& values) {
  ArrayText array;
  for (const std::string& value : values) array.AddText(value);
  return array.Take();
}

std::string IntegerArray(const std::vector<int64_t>& values) {
  ArrayText array;
  for (const int64_t value : values) array.AddInteger(value);
  return array.Take();
}

absl::Time ParseTimestamp(std::string_view text) {
  // The year has four digits up to 9999; our limits end at 2200.
  if (text.size() < 22 || text[4] != '-' || text[10] != ' ') return absl::UnixEpoch();
  const std::chrono::sys_days day =
      std::chrono::year(Digits(text, 0, 4)) / Digits(text, 5, 2) / Digits(text, 8, 2);
  int64_t micros =
      int64_t{Digits(text, 11, 2)} * 3600 + Digits(text, 14, 2) * 60 + Digits(text, 17, 2);
  micros = (day.time_since_epoch().count() * 86400 + micros) * 1'000'000;
  if (text[19] == '.') {
    int64_t scale = 100'000;
    for (size_t i = 20; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, scale /= 10) {
      micros += (text[i] - '0') * scale;
    }
  }
  return absl::FromUnixMicros(micros);
}

std::string TimestampText(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S+00", time, absl::UTCTimeZone());
}

std::string PartialSuccessToJson(const PartialSuccess& partial) {
  std::string json = nlohmann::json{{"completed_steps", partial.completed_steps},
                                    {"failed_steps", partial.failed_steps},
                                    {"retry_from_step", partial.retry_from_step}}
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  json.pop_back();
  return json + R"(,"results":)" + (partial.results.empty() ? "{}" : partial.results) + "}";
}

std::optional<PartialSuccess> PartialSuccessFromJson(const std::string& json,
                                                     const std::string& results) {
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  PartialSuccess partial;
  partial.completed_steps =
      StringsFromJson(value.value("completed_steps", nlohmann::json::array()).dump());
  partial.failed_steps =
      StringsFromJson(value.value("failed_steps", nlohmann::json::array()).dump());
  partial.retry_from_step = value.value("retry_from_step", "");
  partial.results = results;
  return partial;
}

std::string CountersToJson(const std::map<std::string, int64_t>& counters) {
  return nlohmann::json(counters).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::map<std::string, int64_t> CountersFromJson(const std::string& json) {
  std::map<std::string, int64_t> counters;
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  if (!value.is_object()) return counters;
  for (const auto& [name, count] : value.items()) {
    if (count.is_number_integer()) counters[name] = count.get<int64_t>();
  }
  return counters;
}

std::vector<std::string> StringsFromJson(const std::string& json) {
  std::vector<std::string> strings;
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  if (!value.is_array()) return strings;
  for (const auto& element : value) {
    if (element.is_string()) strings.push_back(element.get<std::string>());
  }
  return strings;
}

}  // namespace millrace
