#include "bench/pickup_workload.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/bench_schema.h"
#include "bench/bench_tasks.h"
#include "server/store/postgres/migrator.h"

namespace millrace::bench {
namespace {

// The first ones find plans and caches cold.
constexpr int kWarmUpJobs = 20;
constexpr int kLongestWaitMs = 10'000;

// A named pipe at which handlers of the server report. Used from one thread.
class PickupPipe {
 public:
  explicit PickupPipe(const std::string& folder)
      : path_(absl::StrCat(folder, "/bench-", getpid(), ".pipe")) {
    mkfifo(path_.c_str(), 0600);
    fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    setenv(kPickupPipeVariable, path_.c_str(), 1);
  }
  ~PickupPipe() {
    if (fd_ >= 0) close(fd_);
    unlink(path_.c_str());
  }
  PickupPipe(const PickupPipe&) = delete;
  PickupPipe& operator=(const PickupPipe&) = delete;

  // The time of the next report on the monotonic clock.
  absl::StatusOr<absl::Duration> Read() const {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, kLongestWaitMs) != 1) return absl::InternalError("a job did not come");
    int64_t nanoseconds = 0;
    if (read(fd_, &nanoseconds, sizeof nanoseconds) != sizeof nanoseconds)
      return absl::InternalError("cannot read the pipe of the handlers");
    return absl::Nanoseconds(nanoseconds);
  }

 private:
  std::string path_;
  int fd_ = -1;
};

// Long enough for the pool to become idle, and never in step with anything.
void PauseIdle() {
  static absl::BitGen random;
  absl::SleepFor(absl::Milliseconds(absl::Uniform(random, 30, 70)));
}

// Adds single jobs and returns how long each took to its handler.
absl::StatusOr<std::vector<absl::Duration>> AddAndWait(PostgresConnection& connection, int jobs,
                                                       const PickupPipe& pipe) {
  const SystemClock clock;
  absl::Status status;
  std::vector<absl::Duration> pickups;
  const absl::Status ran = connection.Run([&](PostgresConnection& running) {
    running.raw().prepare("add", "select id from bench_pickup.add_job($1, $2::jsonb)");
    for (int i = 0; i < kWarmUpJobs + jobs && status.ok(); ++i) {
      PauseIdle();
      const std::string payload = absl::StrCat("{\"n\":", i, "}");
      const absl::Duration before = clock.Monotonic();
      pqxx::nontransaction(running.raw()).exec_prepared("add", kPickupTask, payload);
      const auto begun = pipe.Read();
      status = begun.status();
      if (begun.ok() && i >= kWarmUpJobs) pickups.push_back(*begun - before);
    }
  });
  if (!ran.ok() || !status.ok()) return ran.ok() ? status : ran;
  return pickups;
}

Figures PickupFigures(std::vector<absl::Duration> pickups) {
  std::sort(pickups.begin(), pickups.end());
  const auto at = [&](double share) {
    const auto place = static_cast<size_t>(share * static_cast<double>(pickups.size()));
    return absl::ToDoubleMilliseconds(pickups[std::min(place, pickups.size() - 1)]);
  };
  return {"pickup",
          {{"jobs", static_cast<double>(pickups.size())},
           {"p50_ms", at(0.5)},
           {"p99_ms", at(0.99)},
           {"longest_ms", at(1)}}};
}

}  // namespace

absl::StatusOr<Figures> RunPickupWorkload(const PickupOptions& options,
                                          const ServerSettings& settings) {
  const auto schema = BenchSchema::Create(options.database_url, "bench_pickup");
  if (!schema.ok()) return schema.status();
  absl::Status made = (*schema)->Execute("drop schema {schema}");
  if (made.ok()) made = Migrator((*schema)->database()).Migrate();
  if (!made.ok()) return made;
  const PickupPipe pipe(settings.socket_dir);
  auto server = BenchServer::Start(settings, options.database_url, "bench_pickup");
  if (!server.ok()) return server.status();
  if (const auto started = (*server)->pool().Start(); !started.ok()) return started.status();
  auto connection = (*schema)->database().OpenConnection();
  if (!connection.ok()) return connection.status();
  auto pickups = AddAndWait(**connection, options.jobs, pipe);
  if (!pickups.ok()) return pickups.status();
  absl::Status checked = (*server)->Stop();
  if (checked.ok()) checked = CheckAllCompleted(**schema, options.jobs + kWarmUpJobs);
  if (!checked.ok()) return checked;
  return PickupFigures(*std::move(pickups));
}

}  // namespace millrace::bench
