#pragma once

#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "server/events/event_emitter.h"
#include "server/pool/finished_attempt.h"
#include "server/pool/pool_counters.h"
#include "server/store/pool_store.h"

namespace millrace {

// Says what was recorded: counters, metrics, then events, all of a batch together. Owned by a run
// of the pool. Used from one thread: the recorder's.
class OutcomeAnnouncer {
 public:
  // `on_due` is told after which time the first of the jobs that wait again is due.
  OutcomeAnnouncer(EventEmitter& events, PoolCounters& counters,
                   std::function<void(absl::Duration)> on_due);

  // Of each report but those that are busy.
  void Announce(const std::vector<AttemptReport>& reports, std::vector<AttemptNotice>& notices,
                const RecordResult& result);

  // Of jobs that were to be given back; `stale` says that they waited in the local queue for too
  // long.
  void AnnounceGivenBack(const std::vector<ClaimedJob>& jobs, const RecordResult& result,
                         bool stale);

 private:
  void CountAndGather(const AttemptReport& report, const AttemptNotice& notice);

  // Constant after construction.
  EventEmitter& events_;
  PoolCounters& counters_;
  const std::function<void(absl::Duration)> on_due_;

  // Of the batch at hand.
  PoolCounts counts_;
  std::vector<TaskMetrics*> gathered_;
};

}  // namespace millrace
