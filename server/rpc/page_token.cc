#include "server/rpc/page_token.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// Changes when tokens of older servers can no longer be read.
constexpr char kVersion = 1;
constexpr size_t kNumberBytes = 8;

void AppendNumber(uint64_t number, std::string& out) {
  for (size_t i = 0; i < kNumberBytes; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t NumberAt(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) {
    number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return number;
}

// FNV-1a: the same on every server, which the standard library's hashes are not.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

uint64_t CheckNumber(JobId before, const JobFilter& filter) {
  std::string text = absl::StrCat("ListJobs ", before);
  for (const JobState state : filter.states) absl::StrAppend(&text, " s", static_cast<int>(state));
  // With their lengths, so that no two filters give one text.
  for (const std::string& task : filter.task_identifiers) {
    absl::StrAppend(&text, " t", task.size(), ":", task);
  }
  for (const std::string& queue : filter.queue_names) {
    absl::StrAppend(&text, " q", queue.size(), ":", queue);
  }
  return Hash(text);
}

}  // namespace

std::string MakePageToken(JobId before, const JobFilter& filter) {
  std::string bytes(1, kVersion);
  AppendNumber(static_cast<uint64_t>(before), bytes);
  AppendNumber(CheckNumber(before, filter), bytes);
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<JobId> ParsePageToken(const std::string& token, const JobFilter& filter) {
  std::string bytes;
  if (absl::WebSafeBase64Unescape(token, &bytes) && bytes.size() == 1 + 2 * kNumberBytes &&
      bytes[0] == kVersion) {
    const std::string_view numbers = std::string_view(bytes).substr(1);
    const auto before = static_cast<JobId>(NumberAt(numbers));
    const uint64_t check = NumberAt(numbers.substr(kNumberBytes));
    if (before > 0 && check == CheckNumber(before, filter)) return before;
  }
  return absl::InvalidArgumentError(
      "page_token: is not the next_page_token of a call with the same filter");
}

}  // namespace millrace
