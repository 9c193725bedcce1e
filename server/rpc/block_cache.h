#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace millrace {

// What was made of blocks of events, so that it is made once for all subscribers that are near each
// other: keeps what was used last. Used from one thread: its owner's.
template <typename Made>
class BlockCache {
 public:
  // Keeps about `max_bytes`, and what was added last in any case.
  explicit BlockCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // What was made of the block that begins with this sequence; nothing if it is not here.
  std::shared_ptr<const Made> Find(uint64_t first_sequence) {
    const auto found = by_sequence_.find(first_sequence);
    if (found == by_sequence_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->made;
  }

  // REQUIRES: it is not here.
  void Add(uint64_t first_sequence, std::shared_ptr<const Made> made, size_t bytes) {
    entries_.push_front({first_sequence, std::move(made), bytes});
    by_sequence_[first_sequence] = entries_.begin();
    bytes_ += bytes;
    while (bytes_ > max_bytes_ && entries_.size() > 1) {
      bytes_ -= entries_.back().bytes;
      by_sequence_.erase(entries_.back().first_sequence);
      entries_.pop_back();
    }
  }

 private:
  struct Entry {
    uint64_t first_sequence;
    // Shared, since a reader may hold it when it has gone from here.
    std::shared_ptr<const Made> made;
    size_t bytes;
  };

  const size_t max_bytes_;
  // The one used last in front.
  std::list<Entry> entries_;
  absl::flat_hash_map<uint64_t, typename std::list<Entry>::iterator> by_sequence_;
  size_t bytes_ = 0;
};

}  // namespace millrace
