#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/pool/worker_identity.h"
#include "server/rpc/pool_commands.h"
#include "server/store/fleet_store.h"

namespace millrace {

// This server among the others that share its database (contract D8): it reports its pool, carries
// out what others ask of it, and asks others for its callers. Requests and answers are rows of the
// database; a notification makes them quick, and polling finds them where none comes.
//
//   Ask -> [ request ] --taken, within 5 s or never--> carried out once -> [ answer ] -> Await
//
// Its thread is "fleet"; a Stop, which may take long, is carried out in one of "fleet-stop", so
// that a ForceStop overtakes it. While the database is away it tries again and again. Owned by the
// service graph; what it is given outlives it. Thread-safe.
class Fleet final : public Lifecycle {
 public:
  struct Options {
    absl::Duration report_interval = absl::Seconds(3);
    // Others take this server for lost when it has not reported for so long.
    absl::Duration patience = absl::Seconds(15);
    absl::Duration poll_interval = absl::Seconds(1);
    // While somebody waits for answers.
    absl::Duration answer_poll_interval = absl::Milliseconds(200);
    // How long a server may need to take a request.
    absl::Duration take_patience = absl::Seconds(5);
  };
  // What one pool said.
  struct Reply {
    std::string worker_id;
    std::string pool_name;
    absl::StatusOr<std::string> answer = absl::UnknownError("not asked");
  };
  // What was asked and is not answered yet.
  struct Asked {
    // One for each pool, by name.
    std::vector<Reply> replies;
    // This server's own place among them, which its asker fills: where all were asked.
    std::optional<size_t> own;
    // The places of those that wait for an answer.
    std::map<int64_t, size_t> open;
    // Monotonic.
    absl::Duration asked_at;
    absl::Duration until;
  };

  Fleet(FleetStore& store, PoolCommands& commands, WorkerIdentity identity, Clock& clock,
        Options options);
  ~Fleet() override;

  absl::Status Start() override;
  // Ends what Await waits for.
  void RequestStop() override;
  // Waits for what is being carried out, and says that the server ends, if the database answers.
  void Join() override;

  // There may be a request or an answer. Never waits.
  void Wake();

  absl::StatusOr<std::vector<ListedPool>> ListPools() { return store_.ListPools(); }

  // Asks the pool of this worker id, or all (empty) but the own one; the answer is waited for, from
  // now on, for `patience`. NOT_FOUND if there is no such pool, and errors of the store. Await must
  // be called then.
  absl::StatusOr<Asked> Ask(const std::string& worker_id, const std::string& method,
                            const std::string& payload, absl::Duration patience);
  // Waits, and says of each pool what it answered or why it did not: see WorkerPool in the proto.
  std::vector<Reply> Await(Asked asked);

 private:
  struct Waiting {
    bool taken = false;
    bool lost = false;
    std::optional<absl::StatusOr<std::string>> reply;
  };

  // The fleet's thread.
  void Run();
  absl::Status GoRound();
  absl::Status ReportIfDue();
  absl::Status TakeRequests();
  absl::Status ReadAnswers();
  void WaitForMore(const absl::Status& last);
  void RunStops();
  void CarryOut(const FleetRequest& request);

  // Whether the pool can be asked; else its reply says why not.
  bool CanBeAsked(const ListedPool& pool, Reply& reply) const;
  // Waits until `settled` holds for all of these, or this monotonic time.
  void WaitUntilSettled(const std::map<int64_t, size_t>& open, absl::Duration until,
                        bool (*settled)(const Waiting&));
  absl::Status WhyUnanswered(const Waiting& waiting) const;

  // Constant after construction.
  FleetStore& store_;
  PoolCommands& commands_;
  const WorkerIdentity identity_;
  Clock& clock_;
  const Options options_;

  // Used by the fleet's thread alone, and by Join after its end.
  PoolReport reported_;
  absl::Duration next_report_ = -absl::InfiniteDuration();
  absl::Duration next_cleaning_ = -absl::InfiniteDuration();
  bool database_answers_ = false;
  bool warned_ = false;

  Mutex mutex_;
  CondVar changed_;
  // Guarded by mutex_.
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<FleetRequest> stops_ ABSL_GUARDED_BY(mutex_);

  // Touched by Start, which is called once, and Join.
  std::vector<std::thread> threads_;
};

}  // namespace millrace
