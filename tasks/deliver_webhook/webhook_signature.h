#pragma once

#include <string>

#include "absl/time/time.h"

namespace millrace {

// The value of the header Millrace-Signature: "t=<unix seconds>,v1=<hex>", where hex is the
// HMAC-SHA256, in lower case, of "<unix seconds>.<body>" under the shared secret.
//
// A receiver takes the body as it came, computes the same, compares in constant time, and refuses a
// time that is more than some minutes away from its own, so that a recorded request is worth
// nothing later. Thread-safe.
std::string WebhookSignature(const std::string& secret, absl::Time now, const std::string& body);

}  // namespace millrace
