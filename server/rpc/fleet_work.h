#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/lifecycle.h"
#include "server/base/mutex.h"
#include "server/rpc/pool_commands.h"
#include "server/store/fleet_store.h"

namespace millrace {

// What others ask of this server (contract D8), which carries each request out once:
//
//   TakeRequests -> [ in line ] -> carried out by its lane -> [ answered ] -> SendAnswers
//
// A request is in hand from the moment it is known here until the database has its answer. One that
// the database shows as taken and not answered, and that is not in hand, was taken by a call whose
// reply was lost: it is carried out now. One thread both takes requests and sends answers; were it
// two, a look just before an answer came could bring a request again that is in hand no more.
//
// Calls that may wait have lanes of their own, "fleet-stop", "fleet-force" and "fleet-call": so a
// ForceStop overtakes a Stop, and neither keeps the fleet's thread from its reports. Owned by the
// Fleet; what it is given outlives it. Thread-safe, but for what is said below.
class FleetWork final : public Lifecycle {
 public:
  // `on_answered` is called, in a thread of a lane, when there is something for SendAnswers.
  FleetWork(FleetStore& store, PoolCommands& commands, std::function<void()> on_answered);
  ~FleetWork() override;

  absl::Status Start() override;
  void RequestStop() override;
  // Waits until all that was taken is carried out.
  void Join() override;

  // Used from one thread at a time: that of the fleet, or whoever ends it after its end.

  // Takes what is asked of this server. Errors of the store.
  absl::Status TakeRequests();
  // Brings every answer to the database; what it does not take now comes again with the next call.
  // Errors of the store.
  absl::Status SendAnswers();

 private:
  // Requests that wait for a thread of one kind.
  using Lane = std::deque<FleetRequest>;
  // Nothing while it is carried out.
  using Answer = std::optional<absl::StatusOr<std::string>>;

  void Spawn(const char* thread_name, int threads, Lane& lane)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Lane& LaneOf(const FleetRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work(Lane& lane);
  absl::StatusOr<std::string> CarryOut(const FleetRequest& request);
  void NoteAnswer(int64_t id, absl::StatusOr<std::string> answer);
  std::vector<int64_t> InHand();

  // Constant after construction.
  FleetStore& store_;
  PoolCommands& commands_;
  const std::function<void()> on_answered_;

  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  Lane stops_ ABSL_GUARDED_BY(mutex_);
  Lane force_stops_ ABSL_GUARDED_BY(mutex_);
  Lane others_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, Answer> in_hand_ ABSL_GUARDED_BY(mutex_);

  // Touched by Start, which is called once, and Join.
  std::vector<std::thread> threads_;
};

}  // namespace millrace
