#include "tasks/deliver_webhook/webhook_signature.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// The digest was computed with Python's hmac module.
TEST(WebhookSignatureTest, SignatureIsThatOfTimeAndBody) {
  EXPECT_EQ(WebhookSignature("topsecret", absl::FromUnixSeconds(1'700'000'000),
                             R"({"amount":19.90,"id":12345678901234567890123,"note":"é"})"),
            "t=1700000000,v1=4258e3d601e6c3037dd9c8e11671389bdd4c7bb6c043078632630d45ba2e8965");
}

TEST(WebhookSignatureTest, OtherSecretTimeOrBodyGivesAnotherSignature) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const std::string signature = WebhookSignature("a", now, "{}");
  EXPECT_NE(WebhookSignature("b", now, "{}"), signature);
  EXPECT_NE(WebhookSignature("a", now, "[]"), signature);
  const std::string later = WebhookSignature("a", now + absl::Seconds(1), "{}");
  EXPECT_NE(later.substr(later.find("v1=")), signature.substr(signature.find("v1=")));
}

}  // namespace
}  // namespace millrace
