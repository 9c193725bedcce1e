#pragma once

#include "server/base/mutex.h"

namespace millrace {

// Lets one thread at a time do something that may wait, such as calls of the database, over which
// no Mutex is held. Thread-safe.
class Turns {
 public:
  // Holds the turn for a scope, for which it waits first. Used from one thread: the one that made
  // it, which holds no other of the same Turns.
  class Hold {
   public:
    explicit Hold(Turns& turns) : turns_(turns) {
      MutexLock lock(turns_.mutex_);
      while (turns_.held_) turns_.given_back_.Wait(turns_.mutex_);
      turns_.held_ = true;
    }
    ~Hold() {
      MutexLock lock(turns_.mutex_);
      turns_.held_ = false;
      turns_.given_back_.NotifyOne();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Turns& turns_;
  };

 private:
  Mutex mutex_;
  CondVar given_back_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
