#include "client/cli/event_printer.h"

#include "client/output/event_output.h"

namespace millrace::cli {

void EventPrinter::Print(const client::FeedMessage& message) {
  if (const auto* events = std::get_if<std::vector<client::FeedEvent>>(&message.content)) {
    for (const client::FeedEvent& event : *events) {
      if (!done()) Print(event, message.incarnation);
    }
  } else if (const auto* gap = std::get_if<client::FeedGap>(&message.content)) {
    Print(*gap, message.incarnation);
  }
  session_.out().flush();
}

bool EventPrinter::done() const {
  return (limit_.has_value() && printed_ >= *limit_) || !session_.out().good();
}

void EventPrinter::Print(const client::FeedEvent& event, const std::string& incarnation) {
  ++printed_;
  if (session_.json()) {
    session_.Write(EventJson(event, incarnation));
  } else {
    session_.out() << EventLine(event, session_.colored()) << '\n';
  }
}

void EventPrinter::Print(const client::FeedGap& gap, const std::string& incarnation) {
  if (session_.json()) {
    session_.Write(GapJson(gap, incarnation));
  } else {
    session_.out() << GapLine(gap, session_.colored()) << '\n';
  }
}

}  // namespace millrace::cli
