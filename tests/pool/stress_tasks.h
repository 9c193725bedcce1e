#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include "server/model/job_spec.h"
#include "tasks/api/task_registry.h"
#include "tests/pool/run_ledger.h"

namespace millrace {

// Random numbers for one thread.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

 private:
  std::mt19937_64 random_;
};

// Handlers of every behaviour that the contract knows, each of whose runs stands in a ledger, and
// jobs for them. Used from one thread; the handlers from many.
class StressTasks {
 public:
  // `bookings` is the table into which handlers write in the transactions of their attempts:
  // (job bigint).
  StressTasks(RunLedger& ledger, std::string bookings)
      : ledger_(ledger), bookings_(std::move(bookings)) {}

  // Lives as long as the registry is used.
  void AddTo(TaskRegistry& tasks);

  static JobSpec RandomSpec(Dice& dice);
  // Some of the tasks, or none.
  static std::vector<std::string> RandomTasks(Dice& dice);
  // Some of the flags that jobs have, or none.
  static std::vector<std::string> RandomFlags(Dice& dice);

 private:
  void Add(TaskRegistry& tasks, const std::string& name,
           const std::function<TaskResult(TaskContext&)>& act);
  // Writes its job into the table, and adds another one; all of it exists if and only if the job
  // has completed.
  TaskResult Book(TaskContext& context) const;

  RunLedger& ledger_;
  const std::string bookings_;
};

}  // namespace millrace
