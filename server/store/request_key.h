#pragma once

#include <string>

namespace millrace {

// What tells a repetition of a change from a new one: a change is made once for each id within 24
// hours, and whoever asks for it again gets the first reply. A plain value.
struct RequestKey {
  // Made up by the caller; empty for a change that is made whenever it is asked for.
  std::string id;
  // Such as "JobQueue/AddJob".
  std::string method;
  // Of everything else that was asked: an id that comes with another digest was used twice.
  std::string digest;

  bool empty() const { return id.empty(); }
};

}  // namespace millrace
