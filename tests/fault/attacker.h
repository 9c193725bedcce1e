#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/metrics/null_metrics_registry.h"
#include "server/store/postgres/postgres_database.h"
#include "server/store/postgres/postgres_job_store.h"
#include "server/store/postgres/postgres_pool_store.h"
#include "tests/fault/attack_world.h"

namespace millrace {

// One of many servers and applications that work on a schema at once, at random and with
// connections of its own: adds, claims, reports, gives back, loses claims, dies and comes back as
// another, rescues, reports late. Used from one thread.
class Attacker {
 public:
  Attacker(const std::string& database_url, const std::string& schema, AttackWorld& world,
           uint64_t seed);

  // One random operation.
  void Act();
  // Completes whatever it holds.
  void Finish();
  // Claims up to `count` jobs of any task and completes them; the number claimed.
  size_t ClaimAndComplete(int count);

 private:
  void AddOne();
  void AddMany();
  // An application's transaction: several adds, open for a while, in the end committed or rolled
  // back.
  void AddInATransaction();
  void Claim();
  void Complete();
  void ReportAnything();
  void GiveBack();
  void StartLastAttempts();
  void EndSome();
  void Die();
  void Rescue();
  // What a dead worker did not know of its death reports.
  void ReportLate();

  // A claim whose answer is lost, and which is taken back while it may be on its way.
  void LoseAClaim();

  void Register();
  ClaimRequest RandomRequest();
  JobSpec RandomSpec();
  std::vector<ClaimedJob> TakeSomeHeld(size_t most);
  // Sends the reports until none is busy; counts the verdicts under `what`.
  void Send(WorkerNumber worker, const std::vector<ClaimedJob>& jobs,
            std::vector<AttemptReport> reports, const std::string& what);
  AttemptReport RandomReport(const ClaimedJob& job);
  uint64_t Random(uint64_t below) {
    return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_);
  }
  void Expect(const absl::Status& status, const std::string& what);

  AttackWorld& world_;
  SystemClock clock_;
  NullMetricsRegistry metrics_;
  std::unique_ptr<PostgresDatabase> database_;
  PostgresJobStore jobs_;
  PostgresPoolStore pool_;
  std::mt19937_64 random_;
  WorkerNumber worker_ = 0;
  std::vector<ClaimedJob> held_;
  std::vector<AttackWorld::DeadWorker> former_selves_;
};

}  // namespace millrace
