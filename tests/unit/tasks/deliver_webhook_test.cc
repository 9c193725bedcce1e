#include "tasks/deliver_webhook/deliver_webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <string>

#include "tasks/testing/fake_task_context.h"
#include "tests/unit/tasks/webhook_receiver.h"

namespace millrace {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using Kind = TaskResult::Kind;
using Answer = WebhookReceiver::Answer;

constexpr char kSecretVariable[] = "MILLRACE_WEBHOOK_SECRET_OF_TESTS";

class DeliverWebhookTest : public testing::Test {
 protected:
  DeliverWebhookTest() { setenv(kSecretVariable, "topsecret", 1); }

  static std::string Payload(const std::string& url, const std::string& more = "") {
    return R"({"url": ")" + url + R"(", "body": {"a": 1}, "secret_env": ")" + kSecretVariable +
           "\"" + more + "}";
  }

  static DeliverWebhook::Options Lenient() { return {.allow_private_addresses = true}; }

  static TaskResult Run(const std::string& payload,
                        const DeliverWebhook::Options& options = Lenient()) {
    FakeTaskContext context("deliver_webhook", payload);
    return DeliverWebhook(options)(context);
  }

  // What comes of it when the receiver gives this answer.
  static TaskResult RunAgainst(const Answer& answer) {
    const WebhookReceiver receiver(answer);
    return Run(Payload(receiver.Url()));
  }
};

TEST_F(DeliverWebhookTest, DocumentArrivesSignedAndExactlyAsItWasGiven) {
  const WebhookReceiver receiver(Answer{});
  FakeTaskContext context("deliver_webhook", R"({"url": ")" + receiver.Url("/orders?x=1") +
                                                 R"(", "secret_env": ")" + kSecretVariable +
                                                 R"(", "body": {"amount": 19.90,
                                         "id": 12345678901234567890123, "note": "\u00e9"}})");
  context.mutable_job().id = 42;
  context.mutable_job().attempt = 3;
  const TaskResult result = DeliverWebhook(Lenient())(context);
  ASSERT_EQ(result.kind(), Kind::kSuccess) << result.message();
  EXPECT_EQ(result.result(), R"({"status":200})");

  ASSERT_EQ(receiver.requests().size(), 1u);
  WebhookReceiver::Request request = receiver.requests()[0];
  EXPECT_EQ(request.path, "/orders");
  EXPECT_EQ(request.body, R"({"amount":19.90,"id":12345678901234567890123,"note":"é"})");
  EXPECT_EQ(request.headers["Content-Type"], "application/json");
  EXPECT_EQ(request.headers["Millrace-Delivery"], "42");
  EXPECT_EQ(request.headers["Millrace-Attempt"], "3");
  // The fake context's time; computed with Python's hmac module.
  EXPECT_EQ(request.headers["Millrace-Signature"],
            "t=1700000000,v1=4258e3d601e6c3037dd9c8e11671389bdd4c7bb6c043078632630d45ba2e8965");
}

TEST_F(DeliverWebhookTest, EveryStatusOfTwoHundredIsSuccess) {
  EXPECT_EQ(RunAgainst({.status = 202}).kind(), Kind::kSuccess);
  EXPECT_EQ(RunAgainst({.status = 204}).kind(), Kind::kSuccess);
}

TEST_F(DeliverWebhookTest, ReceiverInTroubleIsTriedAgain) {
  for (const int status : {408, 425, 429, 500, 502, 503, 504}) {
    const TaskResult result = RunAgainst({.status = status, .body = "come back"});
    EXPECT_EQ(result.kind(), Kind::kFail) << status;
    EXPECT_EQ(result.message(), "the receiver answers " + std::to_string(status));
    EXPECT_EQ(result.detail(), "come back");
    EXPECT_FALSE(result.delay().has_value());
  }
}

TEST_F(DeliverWebhookTest, ReceiverThatRefusesIsNotTriedAgain) {
  for (const int status : {400, 401, 403, 404, 410, 422}) {
    const TaskResult result = RunAgainst({.status = status, .body = "no such hook"});
    EXPECT_EQ(result.kind(), Kind::kCancel) << status;
    EXPECT_THAT(result.message(), HasSubstr("answers " + std::to_string(status)));
    EXPECT_EQ(result.detail(), "no such hook");
  }
}

TEST_F(DeliverWebhookTest, RedirectIsNotFollowed) {
  const WebhookReceiver elsewhere(Answer{});
  const TaskResult result =
      RunAgainst({.status = 307, .headers = {"Location: " + elsewhere.Url()}});
  EXPECT_EQ(result.kind(), Kind::kCancel);
  EXPECT_THAT(result.message(), HasSubstr("redirect"));
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST_F(DeliverWebhookTest, RetryAfterInSecondsIsHonoured) {
  const TaskResult result = RunAgainst({.status = 503, .headers = {"Retry-After: 120"}});
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_EQ(result.delay(), absl::Seconds(120));
}

TEST_F(DeliverWebhookTest, RetryAfterAsADateIsHonoured) {
  // Thirty seconds after the fake context's time.
  const TaskResult result =
      RunAgainst({.status = 429, .headers = {"Retry-After: Tue, 14 Nov 2023 22:13:50 GMT"}});
  EXPECT_EQ(result.delay(), absl::Seconds(30));
}

TEST_F(DeliverWebhookTest, RetryAfterIsCappedOnBothSides) {
  EXPECT_EQ(RunAgainst({.status = 503, .headers = {"Retry-After: 999999999"}}).delay(),
            absl::Hours(1));
  EXPECT_EQ(RunAgainst({.status = 503, .headers = {"Retry-After: 0"}}).delay(), absl::Seconds(1));
}

TEST_F(DeliverWebhookTest, LongAnswerIsCutAndMadeText) {
  const TaskResult result =
      RunAgainst({.status = 500, .body = std::string("a\0\xff", 3) + std::string(5'000'000, 'x')});
  EXPECT_EQ(result.message(), "the receiver answers 500");
  EXPECT_LE(result.detail().size(), 16u * 1024);
  EXPECT_GT(result.detail().size(), 8u * 1024);
  EXPECT_THAT(result.detail(), Not(HasSubstr("\xff")));
  EXPECT_EQ(result.detail().find('\0'), std::string::npos);
}

TEST_F(DeliverWebhookTest, ReceiverThatIsNotThereIsTriedAgain) {
  std::string url;
  {
    const WebhookReceiver receiver(Answer{});
    url = receiver.Url();
  }
  const TaskResult result = Run(Payload(url));
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("cannot deliver: "));
}

TEST_F(DeliverWebhookTest, PrivateAddressIsRefusedUnlessAllowed) {
  const WebhookReceiver receiver(Answer{});
  for (const std::string host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"}) {
    const std::string url = "http://" + host + ":" + std::to_string(receiver.port()) + "/";
    const TaskResult result = Run(Payload(url), {});
    EXPECT_EQ(result.kind(), Kind::kFail) << host;
    EXPECT_THAT(result.message(), HasSubstr("MILLRACE_WEBHOOK_ALLOW_PRIVATE=1")) << host;
  }
  EXPECT_TRUE(receiver.requests().empty());
}

TEST_F(DeliverWebhookTest, ProxyOfTheEnvironmentIsNotUsed) {
  const WebhookReceiver proxy(Answer{.status = 410});
  const WebhookReceiver receiver(Answer{});
  setenv("http_proxy", proxy.Url("").c_str(), 1);
  const TaskResult result = Run(Payload(receiver.Url()));
  unsetenv("http_proxy");
  EXPECT_EQ(result.kind(), Kind::kSuccess);
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(DeliverWebhookTest, StopEndsATransferThatHangs) {
  std::promise<void> asked;
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  const WebhookReceiver receiver([&](const WebhookReceiver::Request&) {
    asked.set_value();
    released.wait();
    return Answer{};
  });
  FakeTaskContext context("deliver_webhook", Payload(receiver.Url(), R"(, "timeout_ms": 60000)"));
  std::future<TaskResult> result =
      std::async(std::launch::async, [&context] { return DeliverWebhook(Lenient())(context); });
  asked.get_future().wait();
  context.RequestStop();
  EXPECT_EQ(result.get().message(), "cannot deliver: asked to stop");
  release.set_value();
}

TEST_F(DeliverWebhookTest, ReceiverThatHangsIsGivenUpAfterTheTimeout) {
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  const WebhookReceiver receiver([&](const WebhookReceiver::Request&) {
    released.wait();
    return Answer{};
  });
  const TaskResult result = Run(Payload(receiver.Url(), R"(, "timeout_ms": 100)"));
  release.set_value();
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("timed out"));
}

TEST_F(DeliverWebhookTest, MissingSecretIsAFailureThatMayMend) {
  unsetenv(kSecretVariable);
  const WebhookReceiver receiver(Answer{});
  const TaskResult result = Run(Payload(receiver.Url()));
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr(kSecretVariable));
  EXPECT_TRUE(receiver.requests().empty());
}

TEST_F(DeliverWebhookTest, UrlAtFaultCancels) {
  for (const std::string url :
       {"example.com/hook", "ftp://example.com/", "file:///etc/passwd", "https://",
        "https://user:pass@example.com/", "https://exa mple.com/", "gopher://x/"}) {
    const TaskResult result = Run(Payload(url));
    EXPECT_EQ(result.kind(), Kind::kCancel) << url;
    EXPECT_THAT(result.message(), HasSubstr("payload.url: must")) << url;
  }
}

TEST_F(DeliverWebhookTest, BadPayloadCancelsAndNamesEveryField) {
  const TaskResult result = Run(R"({"timeout_ms": 5, "secret": "plain text"})");
  EXPECT_EQ(result.kind(), Kind::kCancel);
  for (const char* fault : {"payload.url: must be given", "payload.body: must be given",
                            "payload.secret_env: give this or secret_file",
                            "payload.timeout_ms: ", "payload.secret: is not a field"}) {
    EXPECT_THAT(result.message(), HasSubstr(fault));
  }
}

}  // namespace
}  // namespace millrace
