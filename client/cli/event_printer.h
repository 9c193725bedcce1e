#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/session.h"
#include "client/library/feed_message.h"

namespace millrace::cli {

// Writes what the feed hands over, until enough was written. Owned by the command. Used from one
// thread: the command's.
class EventPrinter {
 public:
  // At most `limit` events, if given.
  EventPrinter(Session& session, std::optional<int64_t> limit) : session_(session), limit_(limit) {}

  // Writes it, and flushes, so that a reader has each event at once.
  void Print(const client::FeedMessage& message);

  // Whether the limit is reached, or nobody reads any more.
  bool done() const;

  // Events, without gaps.
  int64_t printed() const { return printed_; }

 private:
  void Print(const client::FeedEvent& event, const std::string& incarnation);
  void Print(const client::FeedGap& gap, const std::string& incarnation);

  // Constant after construction.
  Session& session_;
  const std::optional<int64_t> limit_;

  int64_t printed_ = 0;
};

}  // namespace millrace::cli
