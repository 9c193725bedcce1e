#include "tasks/deliver_webhook/webhook_secrets.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/tasks/temp_folder.h"

namespace millrace {
namespace {

TEST(WebhookSecretsTest, SecretComesFromTheEnvironment) {
  setenv("MILLRACE_WEBHOOK_SECRET_TEST", "open sesame", 1);
  EXPECT_EQ(*WebhookSecrets("/none").FromVariable("MILLRACE_WEBHOOK_SECRET_TEST"), "open sesame");
}

TEST(WebhookSecretsTest, VariablesOfOtherNamesCannotBeNamed) {
  setenv("DATABASE_PASSWORD", "hidden", 1);
  EXPECT_EQ(WebhookSecrets("/none").FromVariable("DATABASE_PASSWORD").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(WebhookSecretsTest, MissingVariableIsNotFoundAndNamed) {
  const absl::Status status =
      WebhookSecrets("/none").FromVariable("MILLRACE_WEBHOOK_SECRET_GONE").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find("MILLRACE_WEBHOOK_SECRET_GONE"), std::string::npos);
}

TEST(WebhookSecretsTest, SecretComesFromAFileWithoutItsLineEnd) {
  const TempFolder folder;
  folder.Write("orders", "open sesame\n");
  EXPECT_EQ(*WebhookSecrets(folder.Path("")).FromFile("orders"), "open sesame");
}

TEST(WebhookSecretsTest, FilesElsewhereCannotBeNamed) {
  const TempFolder folder;
  for (const char* name : {"../etc/passwd", "/etc/passwd", ".hidden", "..", ""}) {
    EXPECT_EQ(WebhookSecrets(folder.Path("")).FromFile(name).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

TEST(WebhookSecretsTest, EmptyOrMissingFileIsNotFound) {
  const TempFolder folder;
  folder.Write("empty", "\n");
  for (const char* name : {"empty", "missing"}) {
    EXPECT_EQ(WebhookSecrets(folder.Path("")).FromFile(name).status().code(),
              absl::StatusCode::kNotFound)
        << name;
  }
}

}  // namespace
}  // namespace millrace
