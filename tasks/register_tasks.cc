#include "tasks/register_tasks.h"

#include <cstdlib>
#include <string>

#include "tasks/deliver_webhook/deliver_webhook.h"
#include "tasks/import_csv/import_csv.h"
#include "tasks/resize_image/resize_image.h"

namespace millrace {
namespace {

std::string FromEnvironment(const char* name, const std::string& fallback) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : value;
}

DeliverWebhook::Options WebhookOptions() {
  DeliverWebhook::Options options;
  options.allow_private_addresses = FromEnvironment("MILLRACE_WEBHOOK_ALLOW_PRIVATE", "0") == "1";
  options.secrets_folder = FromEnvironment("MILLRACE_WEBHOOK_SECRETS_DIR", options.secrets_folder);
  return options;
}

}  // namespace

// tasks/README.md describes the payloads and the environment.
void RegisterTasks(TaskRegistry& tasks) {
  tasks.Add("resize_image", ResizeImage(ImageLimits{}), {.timeout = absl::Minutes(2)});
  tasks.Add("deliver_webhook", DeliverWebhook(WebhookOptions()), {.timeout = absl::Seconds(90)});
  tasks.Add("import_csv",
            ImportCsv(FromEnvironment("IMPORT_CSV_DATABASE_URL", tasks.environment().database_url)),
            {.timeout = absl::Hours(2)});
}

}  // namespace millrace
