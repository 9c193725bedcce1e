#include "client/output/time_text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace millrace::cli {
namespace {

// In the largest unit that fits, rounded, such as 3m.
std::string AgeText(absl::Duration age) {
  const auto count = [age](absl::Duration unit) { return (age + unit / 2) / unit; };
  if (count(absl::Seconds(1)) < 60) return absl::StrCat(count(absl::Seconds(1)), "s");
  if (count(absl::Minutes(1)) < 60) return absl::StrCat(count(absl::Minutes(1)), "m");
  if (count(absl::Hours(1)) < 48) return absl::StrCat(count(absl::Hours(1)), "h");
  return absl::StrCat(count(absl::Hours(24)), "d");
}

// With three significant digits.
std::string Scaled(double value, const char* unit) {
  const int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::string number = absl::StrFormat("%.*f", digits, value);
  if (digits > 0) {
    while (number.back() == '0') number.pop_back();
    if (number.back() == '.') number.pop_back();
  }
  return absl::StrCat(number, " ", unit);
}

}  // namespace

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string ClockText(absl::Time time) {
  return absl::FormatTime("%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string Age(absl::Time time, absl::Time now) {
  const absl::Duration age = now - time;
  return age >= absl::ZeroDuration() ? AgeText(age) + " ago" : "in " + AgeText(-age);
}

std::string TimeWithAge(absl::Time time, absl::Time now) {
  return absl::StrCat(TimeText(time), " (", Age(time, now), ")");
}

std::string DurationText(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) return "-" + DurationText(-duration);
  if (duration == absl::ZeroDuration()) return "0 s";
  if (duration < absl::Microseconds(999.5)) {
    return Scaled(absl::ToDoubleMicroseconds(duration), "us");
  }
  if (duration < absl::Milliseconds(999.5)) {
    return Scaled(absl::ToDoubleMilliseconds(duration), "ms");
  }
  if (duration < absl::Seconds(59.95)) return Scaled(absl::ToDoubleSeconds(duration), "s");
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < 3600) return absl::StrFormat("%dm %02ds", seconds / 60, seconds % 60);
  if (seconds < 86400) return absl::StrFormat("%dh %02dm", seconds / 3600, seconds / 60 % 60);
  return absl::StrFormat("%dd %dh", seconds / 86400, seconds / 3600 % 24);
}

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

std::string SecondsNumber(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) return "-" + SecondsNumber(-duration);
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  std::string number = absl::StrFormat("%d.%09d", seconds, absl::ToInt64Nanoseconds(duration));
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return number;
}

}  // namespace millrace::cli
