#include "server/store/postgres/postgres_wakeup_listener.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/base/logging.h"
#include "server/base/named_thread.h"

namespace millrace {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
// A database that stands still closes no connection; it is asked so often whether it answers.
constexpr int kProbeMs = 30'000;

class Receiver final : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection_base& connection, const std::string& channel,
           const std::function<void()>& on_notified)
      : notification_receiver(connection, channel), on_notified_(on_notified) {}
  void operator()(const std::string&, int) override { on_notified_(); }

 private:
  const std::function<void()>& on_notified_;
};

}  // namespace

PostgresWakeupListener::PostgresWakeupListener(PostgresDatabase& database, Callbacks callbacks)
    : database_(database), callbacks_(std::move(callbacks)) {}

PostgresWakeupListener::~PostgresWakeupListener() {
  RequestStop();
  Join();
  if (stop_event_ >= 0) close(stop_event_);
}

absl::Status PostgresWakeupListener::Start() {
  MutexLock lock(mutex_);
  if (stopping_) return absl::FailedPreconditionError("the listener was stopped");
  if (thread_.joinable()) return absl::FailedPreconditionError("already running");
  stop_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_event_ < 0) return absl::InternalError("cannot make an eventfd");
  thread_ = StartNamedThread("db-listener", [this] { Run(); });
  return absl::OkStatus();
}

void PostgresWakeupListener::RequestStop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (stop_event_ >= 0) eventfd_write(stop_event_, 1);
  }
  changed_.NotifyAll();
}

void PostgresWakeupListener::Join() {
  if (thread_.joinable()) thread_.join();
}

void PostgresWakeupListener::Run() {
  absl::Duration pause = kFirstPause;
  bool warned = false;
  do {
    listening_since_ = absl::InfiniteDuration();
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection = database_.OpenConnection();
    absl::Status ended = connection.status();
    if (ended.ok()) ended = Listen(**connection);
    // One on which listening is refused, or that is lost at once, is no better than none.
    if (SystemClock().Monotonic() - listening_since_ > kLongestPause) {
      pause = kFirstPause;
      warned = false;
    }
    if (!ended.ok() && !std::exchange(warned, true)) {
      spdlog::warn("not listening for new jobs, polling alone finds them: {}",
                   std::string(ended.message()));
    }
    pause = std::min(pause * 2, kLongestPause);
  } while (Pause(pause));
}

absl::Status PostgresWakeupListener::Listen(PostgresConnection& connection) {
  const SqlStatements& statements = database_.statements();
  std::optional<Receiver> added, cancelled, fleet;
  absl::Status status = connection.Run([&](PostgresConnection& listening) {
    fleet.emplace(listening.raw(), statements.fleet_channel(), callbacks_.on_fleet);
    added.emplace(listening.raw(), statements.added_channel(), callbacks_.on_added);
    cancelled.emplace(listening.raw(), statements.cancelled_channel(), callbacks_.on_cancelled);
  });
  if (status.ok()) {
    listening_since_ = SystemClock().Monotonic();
    callbacks_.on_added();
    callbacks_.on_cancelled();
    callbacks_.on_fleet();
    status = TakeNotifications(connection);
  }
  // A receiver says at its end that it listens no more, and waits for the answer.
  connection
      .Run([&](PostgresConnection&) {
        added.reset();
        cancelled.reset();
        fleet.reset();
      })
      .IgnoreError();
  return status;
}

absl::Status PostgresWakeupListener::TakeNotifications(PostgresConnection& connection) {
  while (true) {
    pollfd events[2] = {{connection.raw().sock(), POLLIN, 0}, {stop_event_, POLLIN, 0}};
    const int ready = poll(events, 2, kProbeMs);
    if (events[1].revents != 0) return absl::OkStatus();
    const absl::Status taken = connection.Run([&](PostgresConnection& listening) {
      if (ready == 0) {
        pqxx::nontransaction(listening.raw()).exec(database_.statements().Text("Ping"));
      }
      listening.raw().get_notifs();
    });
    if (!taken.ok()) return taken;
  }
}

bool PostgresWakeupListener::Pause(absl::Duration pause) {
  SystemClock clock;
  MutexLock lock(mutex_);
  return !clock.WaitFor(mutex_, changed_, pause, [this] {
    mutex_.AssertHeld();
    return stopping_;
  });
}

}  // namespace millrace
