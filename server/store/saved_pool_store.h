#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

// What is saved of the pools of one name; nothing where nothing is. A plain value.
struct SavedPool {
  // The pool does, or does not, start with its server.
  std::optional<bool> stopped;
  std::optional<int> concurrency;
  std::optional<std::vector<std::string>> task_identifiers;
  std::optional<std::vector<std::string>> forbidden_flags;

  bool empty() const {
    return !stopped.has_value() && !concurrency.has_value() && !task_identifiers.has_value() &&
           !forbidden_flags.has_value();
  }
};

// Keeps what operators have changed of pools, by their names, so that it holds when a server of
// such a pool starts. Errors of every call as in PoolStore. Thread-safe.
class SavedPoolStore {
 public:
  virtual ~SavedPoolStore() = default;

  virtual absl::StatusOr<SavedPool> Load(const std::string& pool_name) = 0;
  // What `changes` does not name stays as it was saved.
  virtual absl::Status Save(const std::string& pool_name, const SavedPool& changes) = 0;
  virtual absl::Status Clear(const std::string& pool_name) = 0;
};

}  // namespace millrace
