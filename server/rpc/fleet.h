#pragma once

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/pool/worker_identity.h"
#include "server/rpc/fleet_questions.h"
#include "server/rpc/fleet_work.h"
#include "server/rpc/pool_commands.h"
#include "server/store/fleet_store.h"

namespace millrace {

// This server among the others that share its database (contract D8): it reports its pool, carries
// out what others ask of it, and asks others for its callers. Requests and answers are rows of the
// database; a notification makes them quick, and polling finds them where none comes.
//
// Its thread is "fleet"; it waits for nothing but the database, which it tries again and again
// while that is away. Owned by the service graph; what it is given outlives it. Thread-safe.
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

  Fleet(FleetStore& store, PoolCommands& commands, WorkerIdentity identity, Clock& clock,
        Options options);
  ~Fleet() override;

  absl::Status Start() override;
  // Ends what Await waits for.
  void RequestStop() override;
  // Waits for what is being carried out; sends the last answers and says that the server ends, if
  // the database answers.
  void Join() override;

  // There may be a request or an answer. Never waits.
  void Wake();

  absl::StatusOr<std::vector<ListedPool>> ListPools() { return store_.ListPools(); }

  // As those of FleetQuestions.
  absl::StatusOr<FleetQuestions::Asked> Ask(const std::string& worker_id, const std::string& method,
                                            const std::string& payload, absl::Duration patience) {
    return questions_.Ask(worker_id, method, payload, patience);
  }
  std::vector<FleetQuestions::Reply> Await(FleetQuestions::Asked asked) {
    return questions_.Await(std::move(asked));
  }

 private:
  void Run();
  absl::Status GoRound();
  absl::Status ReportIfDue();
  void WaitForMore(const absl::Status& last);

  // Constant after construction.
  FleetStore& store_;
  PoolCommands& commands_;
  const WorkerIdentity identity_;
  Clock& clock_;
  const Options options_;

  FleetQuestions questions_;
  FleetWork work_;

  // Used by the fleet's thread alone, and by Join after its end.
  PoolReport reported_;
  absl::Duration next_report_ = -absl::InfiniteDuration();
  absl::Duration next_cleaning_ = -absl::InfiniteDuration();
  bool database_answers_ = false;
  bool warned_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;

  // Touched by Start, which is called once, and Join.
  std::thread thread_;
};

}  // namespace millrace
