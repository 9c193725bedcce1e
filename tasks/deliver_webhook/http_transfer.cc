#include "tasks/deliver_webhook/http_transfer.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/model/utf8.h"
#include "tasks/deliver_webhook/address_policy.h"

namespace millrace {
namespace {

constexpr size_t kBodyKept = size_t{16} * 1024;
// Only a ceiling: the wait ends when something happens.
constexpr int kPollMs = 1000;

std::string AddressText(const curl_sockaddr& address) {
  char host[NI_MAXHOST] = "?";
  getnameinfo(&address.addr, address.addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST);
  return host;
}

long Milliseconds(absl::Duration duration) {
  // Zero would mean no limit.
  return std::max(long{1}, static_cast<long>(absl::ToInt64Milliseconds(duration)));
}

}  // namespace

HttpTransfer::HttpTransfer(const HttpPostRequest& request, CurlPtr<CURLU> url)
    : request_(request), url_(std::move(url)), easy_(curl_easy_init()), multi_(curl_multi_init()) {
  for (const std::string& header : request_.headers) {
    headers_.reset(curl_slist_append(headers_.release(), header.c_str()));
  }
  // Receivers that do not know it would cost a second of waiting.
  headers_.reset(curl_slist_append(headers_.release(), "Expect:"));
  SetOptions();
}

HttpTransfer::~HttpTransfer() {
  curl_multi_remove_handle(multi_, easy_);
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

template <typename Value>
void HttpTransfer::Set(CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy_, option, value);
  if (code == CURLE_OK || !option_status_.ok()) return;
  option_status_ = absl::InternalError(absl::StrCat(
      "libcurl refuses option ", static_cast<int>(option), ": ", curl_easy_strerror(code)));
}

void HttpTransfer::SetOptions() {
  Set(CURLOPT_CURLU, url_.get());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_PROXY, "");
  Set(CURLOPT_SSL_VERIFYPEER, 1L);
  Set(CURLOPT_SSL_VERIFYHOST, 2L);
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_USERAGENT, "Millrace");
  Set(CURLOPT_HTTPHEADER, headers_.get());
  Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  Set(CURLOPT_POSTFIELDS, request_.body.c_str());
  Set(CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(request_.connect_timeout));
  Set(CURLOPT_TIMEOUT_MS, Milliseconds(request_.total_timeout));
  Set(CURLOPT_ERRORBUFFER, error_);
  Set(CURLOPT_WRITEFUNCTION, &HttpTransfer::OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::OpenSocket);
  Set(CURLOPT_OPENSOCKETDATA, this);
}

size_t HttpTransfer::OnBody(char* bytes, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const size_t kept = std::min(size * count, kBodyKept - transfer.body_.size());
  transfer.body_.append(bytes, kept);
  transfer.body_is_cut_ = kept < size * count;
  // Less than was given ends the transfer: nobody reads the rest.
  return kept;
}

curl_socket_t HttpTransfer::OpenSocket(void* self, curlsocktype /*purpose*/,
                                       curl_sockaddr* address) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  if (!transfer.request_.allow_private_addresses && !IsPublicAddress(address->addr)) {
    transfer.refused_address_ = AddressText(*address);
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

absl::Status HttpTransfer::Perform(const std::stop_token& stop_token) {
  const std::stop_callback wake(stop_token, [this] { curl_multi_wakeup(multi_); });
  int running = 1;
  while (!stop_token.stop_requested()) {
    CURLMcode code = curl_multi_perform(multi_, &running);
    if (running == 0) return absl::OkStatus();
    if (code == CURLM_OK) code = curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    if (code != CURLM_OK) return absl::UnavailableError(curl_multi_strerror(code));
  }
  // Do not wait for a name that is still being looked up.
  Set(CURLOPT_QUICK_EXIT, 1L);
  return absl::CancelledError("asked to stop");
}

CURLcode HttpTransfer::EndCode() {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return CURLE_OK;
}

absl::Status HttpTransfer::Failure(CURLcode code) const {
  const std::string what = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  if (!refused_address_.empty() && code == CURLE_COULDNT_CONNECT) {
    return absl::PermissionDeniedError("the address " + refused_address_ +
                                       " is not a public one, and private ones are not allowed");
  }
  if (code == CURLE_OPERATION_TIMEDOUT) return absl::DeadlineExceededError(what);
  return absl::UnavailableError(what);
}

HttpPostResponse HttpTransfer::Response() {
  HttpPostResponse response;
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.body = CleanUtf8(body_, kBodyKept);
  curl_header* header = nullptr;
  if (curl_easy_header(easy_, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
    response.retry_after = header->value;
  }
  return response;
}

absl::StatusOr<HttpPostResponse> HttpTransfer::Run(const std::stop_token& stop_token) {
  if (!option_status_.ok()) return option_status_;
  curl_multi_add_handle(multi_, easy_);
  if (const absl::Status done = Perform(stop_token); !done.ok()) return done;
  const CURLcode code = EndCode();
  const bool enough_read = code == CURLE_WRITE_ERROR && body_is_cut_;
  if (code != CURLE_OK && !enough_read) return Failure(code);
  return Response();
}

}  // namespace millrace
