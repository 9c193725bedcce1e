#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

struct HttpPostRequest {
  std::string url;
  // Such as "Content-Type: application/json".
  std::vector<std::string> headers;
  std::string body;
  absl::Duration connect_timeout = absl::Seconds(10);
  // Of everything together.
  absl::Duration total_timeout = absl::Seconds(30);
  // Connects also to addresses that are not public (see IsPublicAddress).
  bool allow_private_addresses = false;
};

struct HttpPostResponse {
  int status = 0;
  // Its beginning, at most 16 KiB, as well-formed UTF-8.
  std::string body;
  // The value of the header; empty if there is none.
  std::string retry_after;
};

// Ok, or INVALID_ARGUMENT unless `url` is one of http or https with a host and without a user name
// or password.
absl::Status CheckHttpUrl(const std::string& url);

// Posts over HTTP or HTTPS, with the certificate verified; follows no redirects and uses no proxy,
// so that the address that is checked is the one that gets the request.
//
// Errors: INVALID_ARGUMENT as CheckHttpUrl; PERMISSION_DENIED if all that the host's name stands
// for is refused; DEADLINE_EXCEEDED; CANCELLED at once after the stop token has fired; UNAVAILABLE
// for every other failure of the network. Any response that came is none. Thread-safe.
absl::StatusOr<HttpPostResponse> HttpPost(const HttpPostRequest& request,
                                          const std::stop_token& stop_token);

}  // namespace millrace
