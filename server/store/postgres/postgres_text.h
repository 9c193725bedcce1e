#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/model/partial_success.h"

namespace millrace {

// PostgreSQL's text forms of values, as parameters and as results. libpqxx 6 knows no arrays, and
// its conversions are too slow for the hot path.

// Builds the text of a one-dimensional array, element by element. Used from one thread: its
// owner's.
class ArrayText {
 public:
  ArrayText() : text_("{") {}
  void AddInteger(int64_t value);
  void AddReal(double value);
  void AddText(std::string_view value);  // quoted and escaped
  void AddBoolean(bool value) { AddRaw(value ? "t" : "f"); }
  // The whole array; the builder is empty afterwards.
  std::string Take();

 private:
  void AddRaw(std::string_view value);
  void Separate();

  std::string text_;
};

std::string TextArray(const std::vector<std::string>& values);
std::string IntegerArray(const std::vector<int64_t>& values);

// A timestamptz as a session with TimeZone UTC and DateStyle ISO writes it: "2026-11-24
// 15:43:34.584697+00". The epoch for anything else, which no such session writes.
absl::Time ParseTimestamp(std::string_view text);
// What such a session reads, to the microsecond.
std::string TimestampText(absl::Time time);

// The JSON form in which partial successes are stored. Results go there and come back as they are,
// with every digit of their numbers, so they are read as a text of their own, `json` without them.
std::string PartialSuccessToJson(const PartialSuccess& partial);
std::optional<PartialSuccess> PartialSuccessFromJson(const std::string& json,
                                                     const std::string& results);
// An object of whole numbers, and back; empty for anything else.
std::string CountersToJson(const std::map<std::string, int64_t>& counters);
std::map<std::string, int64_t> CountersFromJson(const std::string& json);
// A JSON array of strings; empty for anything else.
std::vector<std::string> StringsFromJson(const std::string& json);

}  // namespace millrace
