#pragma once

#include <string>

#include "absl/time/time.h"
#include "tasks/api/task_context.h"
#include "tasks/api/task_result.h"

namespace millrace {

// The task deliver_webhook: posts a JSON document to a URL, signed. The payload:
//
//   url          http or https, without user name and password
//   body         the document: any JSON value; sent with its numbers as they are written
//   secret_env   name of the server's environment variable that holds the secret, or
//   secret_file  name of the file that holds it (see WebhookSecrets); one of the two
//   timeout_ms   of the whole request, 100 to 60000; default 15000
//
// The request carries Content-Type: application/json, Millrace-Signature (see WebhookSignature),
// Millrace-Delivery, the id of the job, by which the receiver tells a repetition, and
// Millrace-Attempt.
//
// A status of 2xx is success; 408, 425, 429, 5xx and failures of the network are retried, not
// before a Retry-After has passed; everything else cancels the job, since the receiver refuses.
// The result is {"status": ..}. Thread-safe; the registry owns it.
class DeliverWebhook {
 public:
  struct Options {
    // Deliver also to addresses that are not public: loopback, private networks, cloud metadata.
    bool allow_private_addresses = false;
    std::string secrets_folder = "/run/secrets";
    absl::Duration connect_timeout = absl::Seconds(10);
    // The longest Retry-After that is honoured.
    absl::Duration max_retry_after = absl::Hours(1);
  };

  explicit DeliverWebhook(Options options);

  TaskResult operator()(TaskContext& context) const;

 private:
  const Options options_;
};

}  // namespace millrace
