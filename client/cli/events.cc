#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/event_match.h"
#include "client/cli/event_printer.h"
#include "client/cli/interrupt_watcher.h"
#include "client/cli/options.h"
#include "client/library/event_subscription.h"

namespace millrace::cli {
namespace {

// Attempts to reach the server before the command gives up; once connected, it never does.
constexpr int kFirstAttempts = 3;

struct EventsOptions {
  bool follow = false;
  client::EventQuery query;
  std::optional<uint64_t> after;
  std::string incarnation;
  std::optional<int64_t> count;
  std::string overflow = "gap";
};

client::EventSubscription::Options SubscriptionOptions() {
  client::EventSubscription::Options options;
  options.first_attempts = kFirstAttempts;
  options.backoff.base = absl::Milliseconds(100);
  return options;
}

// Where the feed of the server stands now: a stream begins with a bookmark that says so.
absl::StatusOr<client::FeedPosition> CurrentPosition(const client::Connection& connection,
                                                     Session& session) {
  client::EventSubscription probe(connection, session.clock(), client::EventQuery(),
                                  SubscriptionOptions());
  const absl::StatusOr<client::FeedMessage> message = probe.Next(session.options().timeout);
  if (!message.ok()) return message.status();
  return probe.position();
}

// Prints what the server still holds, up to where its feed stands now.
absl::Status PrintBuffered(const EventsOptions& options, const client::Connection& connection,
                           Session& session) {
  const absl::StatusOr<client::FeedPosition> end = CurrentPosition(connection, session);
  if (!end.ok()) return end.status();
  client::EventQuery everything;
  everything.after = {options.incarnation.empty() ? end->incarnation : options.incarnation,
                      options.after.value_or(0)};
  // The filter is applied here: with one, the server would not say at once that it has come to the
  // end.
  client::EventSubscription feed(connection, session.clock(), everything, SubscriptionOptions());
  EventPrinter printer(session, options.count);
  while (!printer.done()) {
    absl::StatusOr<client::FeedMessage> message = feed.Next(session.options().timeout);
    if (!message.ok()) return message.status();
    if (message->incarnation != end->incarnation) {
      return absl::AbortedError("the server was restarted while its events were read; try again");
    }
    printer.Print(Matching(options.query, *std::move(message)));
    if (feed.position().sequence >= end->sequence) break;
  }
  if (printer.printed() == 0 && !session.json()) session.Remark("no event matches");
  return absl::OkStatus();
}

// Tells of lost connections, once each. Used from one thread: the command's.
class OutageReporter {
 public:
  explicit OutageReporter(Session& session) : session_(session) {}

  void OnDisconnect(const absl::Status& reason) {
    if (!std::exchange(connected_, false)) return;
    session_.Remark(
        absl::StrCat("lost the connection (", CauseOf(reason), "); trying to connect again"));
    lost_ = true;
  }
  void OnMessage() {
    connected_ = true;
    if (std::exchange(lost_, false)) session_.Remark("connected again");
  }

 private:
  Session& session_;
  bool connected_ = false;
  bool lost_ = false;
};

void SayHowToGoOn(const client::EventSubscription& feed, Session& session) {
  const client::FeedPosition position = feed.position();
  session.Remark(absl::StrCat("stopped; go on with --after ", position.sequence, " --incarnation ",
                              position.incarnation));
}

absl::Status PrintUntilEnd(client::EventSubscription& feed, EventPrinter& printer,
                           OutageReporter& outages, const InterruptWatcher& interrupt,
                           Session& session) {
  while (!printer.done()) {
    const absl::StatusOr<client::FeedMessage> message = feed.Next();
    if (interrupt.signal() != 0) {
      session.set_interrupted_by(interrupt.signal());
      SayHowToGoOn(feed, session);
      return absl::CancelledError("interrupted");
    }
    if (absl::IsResourceExhausted(message.status())) SayHowToGoOn(feed, session);
    if (!message.ok()) return message.status();
    outages.OnMessage();
    printer.Print(*message);
  }
  return absl::OkStatus();
}

absl::Status Follow(const EventsOptions& options, const client::Connection& connection,
                    Session& session) {
  client::EventQuery query = options.query;
  query.after = {options.incarnation, options.after.value_or(0)};
  query.end_on_overflow = options.overflow == "disconnect";
  if (options.after == 0 && options.incarnation.empty()) {
    const absl::StatusOr<client::FeedPosition> now = CurrentPosition(connection, session);
    if (!now.ok()) return now.status();
    query.after.incarnation = now->incarnation;
  }
  OutageReporter outages(session);
  client::EventSubscription::Options subscription = SubscriptionOptions();
  subscription.on_disconnect = [&outages](const absl::Status& reason) {
    outages.OnDisconnect(reason);
  };
  client::EventSubscription feed(connection, session.clock(), query, subscription);
  const InterruptWatcher interrupt([&feed] { feed.Cancel(); });
  EventPrinter printer(session, options.count);
  return PrintUntilEnd(feed, printer, outages, interrupt, session);
}

absl::Status Events(const EventsOptions& options, Session& session) {
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  return options.follow ? Follow(options, **connection, session)
                        : PrintBuffered(options, **connection, session);
}

std::vector<std::string> EventTypeNames() {
  std::vector<std::string> names;
  for (const EventType type : AllEventTypes()) names.emplace_back(EventTypeName(type));
  return names;
}

void AddFilterOptions(CLI::App& command, EventsOptions& options) {
  AddListOption(command, "--type", options.query.types, "Only events of this type")
      ->check(CLI::IsMember(EventTypeNames()))
      ->type_name("TYPE");
  AddListOption(command, "--task", options.query.task_identifiers,
                "Only events of jobs of this task");
  command
      .add_option("--job", options.query.job_ids,
                  "Only events of the job with this number; may be given several times")
      ->allow_extra_args(false)
      ->check(CLI::Range(JobId{1}, (JobId{1} << 53) - 1, ""))
      ->type_name("ID");
  AddListOption(command, "--queue", options.query.queue_names,
                "Only events of jobs of this serial queue");
  AddListOption(command, "--flag", options.query.flags,
                "Only events of jobs with this flag; with several, of jobs that have any of them");
}

}  // namespace

void AddEventsCommand(CLI::App& parent, Session& session) {
  CLI::App* const command = parent.add_subcommand(
      "events", "Print the events that the server still holds, or follow them as they come");
  const auto options = std::make_shared<EventsOptions>();
  command->add_flag("-f,--follow", options->follow,
                    "Print events as they come, from now on; connects again by itself");
  AddFilterOptions(*command, *options);
  command
      ->add_option("--after", options->after,
                   "Begin behind this sequence; 0: with the oldest that the server holds")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 53, ""))
      ->type_name("N");
  command
      ->add_option("--incarnation", options->incarnation,
                   "The server process that --after belongs to; if another one answers, a gap says "
                   "so and all of its events follow")
      ->type_name("ID");
  command->add_option("--count", options->count, "End after so many events")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 53, ""))
      ->type_name("N");
  AddChoiceOption(*command, "--overflow", options->overflow, {"gap", "disconnect"},
                  "What happens with --follow if events come faster than they can be printed: a "
                  "gap shows where some are missing, or the command ends and says where");
  command->footer(
      "With --output json, each event is one JSON object on one line; events that are lost show "
      "as\n"
      "{\"gap\": ...}.\nCtrl-C ends --follow and says how to go on from there.");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return Events(*options, running); });
  });
}

}  // namespace millrace::cli
