#include "client/cli/arguments.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/model/utf8.h"

namespace millrace::cli {
namespace {

absl::StatusOr<std::string> ReadAll(std::istream& in, const std::string& name, size_t max_bytes) {
  std::string text;
  char buffer[16 * 1024];
  while (in.read(buffer, sizeof(buffer)) || in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > max_bytes) {
      return absl::InvalidArgumentError(absl::StrCat(name, " has more than ", max_bytes, " bytes"));
    }
  }
  if (in.bad()) return absl::InvalidArgumentError(absl::StrCat("cannot read ", name));
  if (const size_t valid = ValidUtf8Prefix(text); valid < text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not UTF-8 from byte ", valid + 1));
  }
  return text;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(const std::string& text) {
  absl::Duration duration;
  double number = 0;
  if (text.ends_with('d') && absl::SimpleAtod(text.substr(0, text.size() - 1), &number)) {
    duration = number * absl::Hours(24);
  } else if (absl::SimpleAtod(text, &number)) {
    duration = absl::Seconds(number);
  } else if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no duration; write it as 30s, 1m30s, 500ms, 2h or 7d"));
  }
  if (duration < absl::ZeroDuration() || duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a duration must not be negative or infinite, got ", text));
  }
  return duration;
}

absl::StatusOr<absl::Time> ParseTime(const std::string& text, absl::Time now) {
  if (text.starts_with('+')) {
    const absl::StatusOr<absl::Duration> after = ParseDuration(text.substr(1));
    if (!after.ok()) return after.status();
    return now + *after;
  }
  absl::Time time;
  std::string fault;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &fault) || time == absl::InfiniteFuture() ||
      time == absl::InfinitePast()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no time; write it as 2026-03-01T12:00:00Z, ",
                     "2026-03-01T13:00:00+01:00, or +10m for ten minutes from now"));
  }
  return time;
}

absl::StatusOr<std::string> ReadText(const std::string& argument, std::istream& in,
                                     size_t max_bytes) {
  if (argument == "-") return ReadAll(in, "standard input", max_bytes);
  if (!argument.starts_with('@')) return argument;
  const std::string path = argument.substr(1);
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the file ", path, ": ", std::strerror(errno)));
  }
  return ReadAll(file, path, max_bytes);
}

}  // namespace millrace::cli
