// A process that runs an embedded PostgreSQL until it is killed: embedded_postgres_host DIR. Prints
// the connection string when it accepts connections, or the error.
#include <unistd.h>

#include <cstdio>

#include "server/app/embedded_postgres.h"
#include "server/base/logging.h"

int main(int argc, char** argv) {
  // The log goes to standard error, so that standard output is ours.
  if (argc != 2 || !millrace::SetUpLogging("warn", "text").ok()) return 2;
  millrace::SystemClock clock;
  millrace::EmbeddedPostgres::Options options;
  options.data_dir = argv[1];
  millrace::EmbeddedPostgres postgres(options, clock);
  const absl::Status started = postgres.Start();
  if (!started.ok()) {
    std::printf("error: %s\n", std::string(started.message()).c_str());
    std::fflush(stdout);
    return 1;
  }
  std::printf("%s\n", postgres.database_url().c_str());
  std::fflush(stdout);
  pause();
  return 0;
}
