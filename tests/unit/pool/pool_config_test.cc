#include "server/pool/pool_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

TEST(PoolConfigTest, DefaultsAreValid) { EXPECT_EQ(PoolConfig().Validate(), absl::OkStatus()); }

TEST(PoolConfigTest, EveryFaultIsNamedInOneMessage) {
  PoolConfig config;
  config.concurrency = 0;
  config.poll_interval = absl::ZeroDuration();
  config.queue_size = 1'000'000;
  config.queue_ttl = -absl::Seconds(1);
  config.graceful_shutdown_timeout = absl::InfiniteDuration();
  config.max_job_execution_time = -absl::Seconds(1);
  config.task_identifiers = {"fine", ""};
  config.forbidden_flags = {"a\nb"};
  config.heartbeat_interval = absl::Seconds(10);
  config.retry.multiplier = 0;
  config.max_interruptions = -1;
  const absl::Status status = config.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* named :
       {"concurrency: must be 1 to 1024, got 0", "poll-interval-ms: must be 10 to 3600000, got 0",
        "queue-size", "queue-ttl-ms", "graceful-shutdown-timeout-ms", "max-job-execution-time-ms",
        "task-identifiers[1]: must not be empty", "forbidden-flags[0]: must be printable UTF-8",
        "heartbeat-interval-ms", "retry-multiplier", "max-interruptions"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
  }
}

TEST(PoolConfigTest, LeaseMustHoldThreeHeartbeats) {
  PoolConfig config;
  config.lease_ttl = absl::Seconds(9);
  config.heartbeat_interval = absl::Seconds(3);
  EXPECT_EQ(config.Validate(), absl::OkStatus());
  config.lease_ttl = absl::Seconds(8);
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("a third of lease-ttl-ms"));
}

}  // namespace
}  // namespace millrace
