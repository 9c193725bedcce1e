#include "tasks/deliver_webhook/http_post.h"

#include "absl/strings/str_cat.h"
#include "tasks/deliver_webhook/http_transfer.h"

namespace millrace {
namespace {

std::string UrlPart(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  const std::string copy = text;
  curl_free(text);
  return copy;
}

// The URL as the library itself will read it, so that there is no second opinion on what it means.
absl::StatusOr<CurlPtr<CURLU>> ParseHttpUrl(const std::string& text) {
  CurlPtr<CURLU> url(curl_url());
  if (const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0);
      code != CURLUE_OK) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be a URL such as https://example.com/hook: ", curl_url_strerror(code)));
  }
  const std::string scheme = UrlPart(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return absl::InvalidArgumentError("must begin with http:// or https://");
  }
  if (!UrlPart(url.get(), CURLUPART_USER).empty() ||
      !UrlPart(url.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError("must not hold a user name or password");
  }
  return url;
}

}  // namespace

absl::Status CheckHttpUrl(const std::string& url) { return ParseHttpUrl(url).status(); }

absl::StatusOr<HttpPostResponse> HttpPost(const HttpPostRequest& request,
                                          const std::stop_token& stop_token) {
  absl::StatusOr<CurlPtr<CURLU>> url = ParseHttpUrl(request.url);
  if (!url.ok()) return url.status();
  HttpTransfer transfer(request, *std::move(url));
  return transfer.Run(stop_token);
}

}  // namespace millrace
