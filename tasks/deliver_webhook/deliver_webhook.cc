#include "tasks/deliver_webhook/deliver_webhook.h"

#include <curl/curl.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tasks/deliver_webhook/http_post.h"
#include "tasks/deliver_webhook/retry_after.h"
#include "tasks/deliver_webhook/webhook_secrets.h"
#include "tasks/deliver_webhook/webhook_signature.h"
#include "tasks/support/exact_json.h"
#include "tasks/support/payload_reader.h"

namespace millrace {
namespace {

constexpr int64_t kDefaultTimeoutMs = 15'000;
constexpr int64_t kMaxTimeoutMs = 60'000;

struct Delivery {
  std::string url;
  std::string body;
  // One of the two is set.
  std::string secret_env;
  std::string secret_file;
  absl::Duration timeout;
};

void CheckField(PayloadReader& payload, const std::string& field, const absl::Status& valid) {
  if (!valid.ok()) payload.AddFault(field, std::string(valid.message()));
}

absl::StatusOr<Delivery> ReadDelivery(const std::string& text) {
  PayloadReader payload(text);
  Delivery delivery;
  delivery.url = payload.RequiredString("url");
  if (!delivery.url.empty()) CheckField(payload, "url", CheckHttpUrl(delivery.url));
  payload.RequiredValue("body");
  delivery.body = ExactJsonMember(text, "body").value_or("");
  delivery.secret_env = payload.OptionalString("secret_env", "");
  delivery.secret_file = payload.OptionalString("secret_file", "");
  if (payload.Has("secret_env") == payload.Has("secret_file")) {
    payload.AddFault("secret_env", "give this or secret_file, one of the two");
  } else if (payload.Has("secret_env")) {
    CheckField(payload, "secret_env", WebhookSecrets::CheckVariable(delivery.secret_env));
  } else {
    CheckField(payload, "secret_file", WebhookSecrets::CheckFile(delivery.secret_file));
  }
  delivery.timeout =
      absl::Milliseconds(payload.OptionalInt("timeout_ms", 100, kMaxTimeoutMs, kDefaultTimeoutMs));
  if (const absl::Status valid = payload.Finish(); !valid.ok()) return valid;
  return delivery;
}

std::vector<std::string> Headers(const TaskContext& context, const std::string& secret,
                                 const std::string& body) {
  return {"Content-Type: application/json",
          "Millrace-Signature: " + WebhookSignature(secret, context.Now(), body),
          absl::StrCat("Millrace-Delivery: ", context.job().id),
          absl::StrCat("Millrace-Attempt: ", context.job().attempt)};
}

bool IsWorthRetrying(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

TaskResult ResultOf(const HttpPostResponse& response, absl::Time now,
                    absl::Duration max_retry_after) {
  if (response.status >= 200 && response.status < 300) {
    return TaskResult::Success(absl::StrCat("{\"status\":", response.status, "}"));
  }
  const std::string answer = absl::StrCat("the receiver answers ", response.status);
  if (!IsWorthRetrying(response.status)) {
    const bool redirects = response.status >= 300 && response.status < 400;
    return TaskResult::Cancel(
        answer + (redirects ? ", a redirect, which is not followed" : ": it refuses the document"),
        response.body);
  }
  const std::optional<absl::Duration> asked = ParseRetryAfter(response.retry_after, now);
  if (!asked.has_value()) return TaskResult::Fail(answer, response.body);
  const absl::Duration delay = std::clamp(*asked, absl::Seconds(1), max_retry_after);
  return TaskResult::Retry(
      absl::StrCat(answer, " and asks for ", absl::FormatDuration(delay), " of patience"), delay,
      response.body);
}

// Without the URL: its query may be a secret of the receiver's.
TaskResult Undelivered(const absl::Status& status) {
  std::string message = "cannot deliver: " + std::string(status.message());
  if (absl::IsPermissionDenied(status)) {
    message += "; the server's operator can allow them with MILLRACE_WEBHOOK_ALLOW_PRIVATE=1";
  }
  return TaskResult::Fail(std::move(message));
}

}  // namespace

DeliverWebhook::DeliverWebhook(Options options) : options_(std::move(options)) {
  // Here, before the pool has threads; repeating it does no harm.
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

TaskResult DeliverWebhook::operator()(TaskContext& context) const {
  const absl::StatusOr<Delivery> delivery = ReadDelivery(context.job().payload);
  if (!delivery.ok()) return TaskResult::Cancel(std::string(delivery.status().message()));
  const WebhookSecrets secrets(options_.secrets_folder);
  const absl::StatusOr<std::string> secret = delivery->secret_env.empty()
                                                 ? secrets.FromFile(delivery->secret_file)
                                                 : secrets.FromVariable(delivery->secret_env);
  if (!secret.ok()) return TaskResult::Fail(std::string(secret.status().message()));

  HttpPostRequest request;
  request.url = delivery->url;
  request.body = delivery->body;
  request.headers = Headers(context, *secret, delivery->body);
  request.connect_timeout = options_.connect_timeout;
  request.total_timeout = std::min(delivery->timeout, context.TimeLeft());
  request.allow_private_addresses = options_.allow_private_addresses;
  const absl::StatusOr<HttpPostResponse> response = HttpPost(request, context.stop_token());
  if (!response.ok()) return Undelivered(response.status());
  return ResultOf(*response, context.Now(), options_.max_retry_after);
}

}  // namespace millrace
