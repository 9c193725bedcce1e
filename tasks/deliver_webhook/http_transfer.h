#pragma once

#include <curl/curl.h>

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tasks/deliver_webhook/http_post.h"

namespace millrace {

struct CurlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
template <typename T>
using CurlPtr = std::unique_ptr<T, CurlDeleter>;

// One POST under way in libcurl; see HttpPost for what it does and how it fails. Made, run once and
// dropped by HttpPost. Used from one thread: that of the caller.
class HttpTransfer {
 public:
  // `request` outlives the transfer.
  HttpTransfer(const HttpPostRequest& request, CurlPtr<CURLU> url);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  absl::StatusOr<HttpPostResponse> Run(const std::stop_token& stop_token);

 private:
  static size_t OnBody(char* bytes, size_t size, size_t count, void* self);
  static curl_socket_t OpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);

  void SetOptions();
  template <typename Value>
  void Set(CURLoption option, Value value);
  // Until the transfer has ended or the token has fired.
  absl::Status Perform(const std::stop_token& stop_token);
  // The code with which the transfer has ended.
  CURLcode EndCode();
  absl::Status Failure(CURLcode code) const;
  HttpPostResponse Response();

  // Constant after construction.
  const HttpPostRequest& request_;
  CurlPtr<CURLU> url_;
  CurlPtr<curl_slist> headers_;
  CURL* const easy_;
  CURLM* const multi_;

  char error_[CURL_ERROR_SIZE] = {};
  std::string body_;
  bool body_is_cut_ = false;
  // An address that was not connected to because it is not public; empty for none.
  std::string refused_address_;
  absl::Status option_status_;
};

}  // namespace millrace
