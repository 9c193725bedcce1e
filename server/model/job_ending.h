#pragma once

namespace millrace {

// How an operator ends jobs that have not ended.
enum class JobEnding {
  // Cancelled: they never run again.
  kCancel,
  // Failed for good: they are exhausted, whatever attempts were left, and can be retried.
  kFail,
};

// What became of a job that was to be ended.
enum class EndResult {
  // It was waiting, or exhausted and was to be cancelled: it ends here.
  kEnded,
  // A pool holds it. The pool is told, wherever it is: the job ends so when its handler has ended,
  // unless that completes it.
  kRequested,
  // It had ended before, or was exhausted and was to be failed, and stays as it is.
  kEndedBefore,
  kNotFound,
  // A pool holds it, and it was to be failed, but somebody has cancelled it: it stays so.
  kBeingCancelled,
};

}  // namespace millrace
