#include "tasks/deliver_webhook/webhook_secrets.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "tasks/support/file_descriptor.h"

namespace millrace {
namespace {

constexpr size_t kLongestSecret = 4096;

}  // namespace

absl::Status WebhookSecrets::CheckVariable(const std::string& name) {
  const bool valid =
      name.starts_with(kEnvironmentPrefix) && std::all_of(name.begin(), name.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
      });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      std::string("must be the name of an environment variable that begins with ") +
      kEnvironmentPrefix);
}

absl::Status WebhookSecrets::CheckFile(const std::string& name) {
  const bool valid =
      !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
               c == '.';
      });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "must be the name of a file in the folder of secrets: letters, digits, \"_\", \"-\" and "
      "\".\","
      " and no \".\" at its beginning");
}

absl::StatusOr<std::string> WebhookSecrets::FromVariable(const std::string& name) const {
  if (const absl::Status valid = CheckVariable(name); !valid.ok()) return valid;
  const char* const value = std::getenv(name.c_str());
  if (value != nullptr && *value != '\0') return std::string(value);
  return absl::NotFoundError("the server has no environment variable " + name +
                             ", or it is empty: set it to the secret");
}

absl::StatusOr<std::string> WebhookSecrets::FromFile(const std::string& name) const {
  if (const absl::Status valid = CheckFile(name); !valid.ok()) return valid;
  const std::string path = folder_ + "/" + name;
  const absl::StatusOr<FileDescriptor> file = OpenRegularFile(path);
  if (!file.ok()) return file.status();
  std::string secret(kLongestSecret, '\0');
  const ssize_t size = read(file->get(), secret.data(), secret.size());
  if (size < 0) return FileError("cannot read", path);
  secret.resize(static_cast<size_t>(size));
  while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
  if (secret.empty()) return absl::NotFoundError(path + " is empty: put the secret there");
  return secret;
}

}  // namespace millrace
