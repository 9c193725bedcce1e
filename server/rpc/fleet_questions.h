#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/pool/worker_identity.h"
#include "server/store/fleet_store.h"

namespace millrace {

// What this server asks of others for its callers (contract D8), and who waits for their answers:
//
//   Ask -> [ request ] --taken in time, or never--> carried out once -> [ answer ] -> Await
//
// Owned by the Fleet, whose thread reads the answers for all who wait; what it is given outlives
// it. Thread-safe.
class FleetQuestions {
 public:
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
    // The database did not say whether it has what was asked.
    bool in_doubt = false;
    // Monotonic: from then on nobody takes it any more.
    absl::Duration take_until;
    absl::Duration until;
  };

  // `take_patience`: how long a server may need to take a request, or to report again after the
  // database was away. `on_asked` is called when there
  // is something for ReadAnswers.
  FleetQuestions(FleetStore& store, WorkerIdentity identity, Clock& clock,
                 absl::Duration take_patience, std::function<void()> on_asked);

  // Asks the pool of this worker id, or all (empty) but the own one; the answer is waited for, from
  // now on, for `patience`, which is finite. NOT_FOUND if there is no such pool, and errors of the
  // store, with nothing asked. Await must be called then.
  absl::StatusOr<Asked> Ask(const std::string& worker_id, const std::string& method,
                            const std::string& payload, absl::Duration patience);
  // Waits, and says of each pool what it answered or why it did not: see WorkerPool in the proto.
  std::vector<Reply> Await(Asked asked);
  // Ends what Await waits for, now and later.
  void EndWaits();

  // Whether somebody waits for answers.
  bool has_open();
  // Reads the answers of all who wait. Errors of the store.
  absl::Status ReadAnswers();

 private:
  struct Waiting {
    bool taken = false;
    // When the database was last asked how it stands; monotonic.
    absl::Duration looked_at = -absl::InfiniteDuration();
    // Since when every look has found its server silent for too long, and the database has answered
    // every time: when it comes back, it takes a moment until all have reported again.
    std::optional<absl::Duration> silent_since;
    std::optional<absl::StatusOr<std::string>> reply;
  };

  // Whether the pool can be asked; else its reply says why not.
  bool CanBeAsked(const ListedPool& pool, Reply& reply) const;
  absl::Status ReadAnswersOf(const std::vector<int64_t>& ids);
  void NoteAnswer(FleetAnswer answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsLost(const Waiting& waiting) const;
  // Waits until there is nothing more to come; false if this monotonic time has come before.
  bool WaitUntilSettled(const Asked& asked, absl::Duration until);
  absl::Status WhyUnanswered(const Waiting& waiting, bool in_doubt) const;

  // Constant after construction.
  FleetStore& store_;
  const WorkerIdentity identity_;
  Clock& clock_;
  const absl::Duration take_patience_;
  const std::function<void()> on_asked_;

  Mutex mutex_;
  CondVar changed_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
