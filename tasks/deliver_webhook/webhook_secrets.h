#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// Where the secrets of webhooks are kept: in environment variables of the server, whose names begin
// with a given prefix, or as files of one folder. Payloads name a secret and never hold it, and the
// limits see to it that a job cannot name other things of the server. A secret is looked up anew
// each time, so that a file can be replaced. Thread-safe.
class WebhookSecrets {
 public:
  static constexpr char kEnvironmentPrefix[] = "MILLRACE_WEBHOOK_SECRET";

  explicit WebhookSecrets(std::string folder) : folder_(std::move(folder)) {}

  // INVALID_ARGUMENT if a payload may not name this variable or file.
  static absl::Status CheckVariable(const std::string& name);
  static absl::Status CheckFile(const std::string& name);

  // NOT_FOUND if there is no such variable or file, or it is empty; as FileError otherwise. A line
  // end after the secret in a file is not part of it.
  absl::StatusOr<std::string> FromVariable(const std::string& name) const;
  absl::StatusOr<std::string> FromFile(const std::string& name) const;

 private:
  const std::string folder_;
};

}  // namespace millrace
