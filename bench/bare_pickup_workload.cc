#include "bench/bare_pickup_workload.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/bench_schema.h"
#include "bench/pickup_probe.h"
#include "server/base/named_thread.h"

namespace millrace::bench {
namespace {

constexpr char kSchema[] = "bench_bare_pickup";
constexpr char kTable[] = R"(
create table {schema}.ready (id bigint generated always as identity primary key,
  payload jsonb not null))";
constexpr char kAdd[] = R"(
with added as (insert into bench_bare_pickup.ready (payload) values ($1::jsonb) returning id)
select id, pg_notify('bench_bare_pickup', '') from added)";
constexpr char kTake[] = R"(
delete from bench_bare_pickup.ready where ctid = any (array(
  select ctid from bench_bare_pickup.ready order by id limit 1 for update skip locked))
returning id, payload)";
// How soon the listener's thread notices that it is to end.
constexpr int kLookMicroseconds = 100'000;

// Listens on one connection, takes rows on another and reports each at the pipe, in a thread of its
// own from construction to destruction.
class BareListener {
 public:
  BareListener(std::unique_ptr<PostgresConnection> listening,
               std::unique_ptr<PostgresConnection> taking, const std::string& pipe)
      : listening_(std::move(listening)),
        taking_(std::move(taking)),
        pipe_(open(pipe.c_str(), O_RDWR | O_CLOEXEC)),
        thread_(StartNamedThread("bare-listener", [this] { Run(); })) {}
  ~BareListener() {
    stopping_ = true;
    thread_.join();
    close(pipe_);
  }
  BareListener(const BareListener&) = delete;
  BareListener& operator=(const BareListener&) = delete;

 private:
  class Receiver final : public pqxx::notification_receiver {
   public:
    explicit Receiver(BareListener& listener)
        : notification_receiver(listener.listening_->raw(), kSchema), listener_(listener) {}
    void operator()(const std::string&, int) override { listener_.Take(); }

   private:
    BareListener& listener_;
  };

  // An error ends the thread; the measurement then says that a job did not come.
  void Run() {
    absl::Status ran = taking_->Run(
        [](PostgresConnection& connection) { connection.raw().prepare("take", kTake); });
    if (!ran.ok()) return;
    ran = listening_->Run([this](PostgresConnection& connection) {
      Receiver receiver(*this);
      while (!stopping_) connection.raw().await_notification(0, kLookMicroseconds);
    });
  }
  void Take() {
    pqxx::nontransaction transaction(taking_->raw());
    if (!transaction.exec_prepared("take").empty()) ReportPickup(pipe_);
  }

  const std::unique_ptr<PostgresConnection> listening_;
  const std::unique_ptr<PostgresConnection> taking_;
  const int pipe_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<Figures> RunBarePickupWorkload(const PickupOptions& options,
                                              const std::string& socket_dir) {
  const auto schema = BenchSchema::Create(options.database_url, kSchema);
  if (!schema.ok()) return schema.status();
  if (absl::Status made = (*schema)->Execute(kTable); !made.ok()) return made;
  auto adding = (*schema)->database().OpenConnection();
  auto listening = (*schema)->database().OpenConnection();
  auto taking = (*schema)->database().OpenConnection();
  for (const absl::Status& opened : {adding.status(), listening.status(), taking.status()}) {
    if (!opened.ok()) return opened;
  }
  const PickupPipe pipe(socket_dir);
  const BareListener listener(*std::move(listening), *std::move(taking), pipe.path());
  return MeasurePickups("bare_pickup", **adding, kAdd, options.jobs, pipe);
}

}  // namespace millrace::bench
