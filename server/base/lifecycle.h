#pragma once

#include "absl/status/status.h"

namespace millrace {

// The contract of everything that has a thread of its own.
//
// Start runs at most once per life and may fail, with nothing started then. RequestStop only
// signals: it returns at once and may be called from any thread, before Start (which then fails),
// twice, or never. Join waits until the threads have ended; after a Start that failed, or without
// one, it returns at once. The destructor requests the stop and joins. Thread-safe.
class Lifecycle {
 public:
  virtual ~Lifecycle() = default;
  virtual absl::Status Start() = 0;
  virtual void RequestStop() = 0;
  virtual void Join() = 0;
};

}  // namespace millrace
