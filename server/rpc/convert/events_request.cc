#include "server/rpc/convert/events_request.h"

#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/model/job_spec.h"

namespace millrace {
namespace {

// The largest id that a job can have, and a number that JavaScript can hold.
constexpr int64_t kMaxJobId = (int64_t{1} << 53) - 1;

absl::Status Fault(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

std::string Indexed(const char* field, int index) { return absl::StrCat(field, "[", index, "]"); }

absl::Status CheckCount(const char* field, int count) {
  if (static_cast<size_t>(count) <= JobLimits::kJobsPerCall) return absl::OkStatus();
  return Fault(field, absl::StrCat("at most ", JobLimits::kJobsPerCall, ", got ", count));
}

std::string KnownTypes() {
  std::vector<std::string> names;
  for (const EventType type : AllEventTypes()) names.emplace_back(EventTypeName(type));
  return absl::StrJoin(names, ", ");
}

absl::Status UnknownType(const std::string& field, const std::string& name) {
  // Its beginning, in case somebody sends a book.
  const std::string shown = absl::Utf8SafeCHexEscape(name.substr(0, 64));
  return Fault(field,
               absl::StrCat("no event has the type \"", shown, "\"; there are ", KnownTypes()));
}

using Texts = google::protobuf::RepeatedPtrField<std::string>;

absl::Status SetTexts(const char* field, const Texts& proto,
                      absl::Status (*validate)(const std::string&, const std::string&),
                      absl::flat_hash_set<std::string>& texts) {
  for (int i = 0; i < proto.size(); ++i) {
    if (absl::Status valid = validate(proto[i], Indexed(field, i)); !valid.ok()) return valid;
    texts.insert(proto[i]);
  }
  return absl::OkStatus();
}

absl::Status SetFilter(const v1::EventsRequest& proto, EventFilter& filter) {
  for (const absl::Status& count : {CheckCount("types", proto.types_size()),
                                    CheckCount("task_identifiers", proto.task_identifiers_size()),
                                    CheckCount("job_ids", proto.job_ids_size()),
                                    CheckCount("queue_names", proto.queue_names_size()),
                                    CheckCount("flags", proto.flags_size())}) {
    if (!count.ok()) return count;
  }
  for (int i = 0; i < proto.types_size(); ++i) {
    const std::optional<EventType> type = ParseEventType(proto.types(i));
    if (!type.has_value()) return UnknownType(Indexed("types", i), proto.types(i));
    filter.types.insert(*type);
  }
  absl::Status valid =
      SetTexts("task_identifiers", proto.task_identifiers(), ValidateName, filter.task_identifiers);
  if (valid.ok())
    valid = SetTexts("queue_names", proto.queue_names(), ValidateName, filter.queue_names);
  if (valid.ok()) valid = SetTexts("flags", proto.flags(), ValidateFlag, filter.flags);
  if (!valid.ok()) return valid;
  for (int i = 0; i < proto.job_ids_size(); ++i) {
    if (proto.job_ids(i) < 1 || proto.job_ids(i) > kMaxJobId) {
      return Fault(Indexed("job_ids", i),
                   absl::StrCat("must be 1 to ", kMaxJobId, ", got ", proto.job_ids(i)));
    }
    filter.job_ids.insert(proto.job_ids(i));
  }
  return absl::OkStatus();
}

absl::Status SetBegin(const v1::EventsRequest& proto, const std::string& incarnation,
                      uint64_t last_sequence, EventSubscription& subscription) {
  using Begin = EventSubscription::Begin;
  if (!proto.incarnation().empty()) {
    absl::Status valid = ValidateName(proto.incarnation(), "incarnation");
    if (!valid.ok()) return valid;
    if (proto.incarnation() != incarnation) {
      subscription.begin = Begin::kOtherIncarnation;
      return absl::OkStatus();
    }
  } else if (proto.after_sequence() == 0) {
    subscription.after_sequence = last_sequence;
    return absl::OkStatus();
  }
  if (proto.after_sequence() > last_sequence) {
    return Fault("after_sequence",
                 absl::StrCat(proto.after_sequence(),
                              " has not come yet; the last event so far is ", last_sequence));
  }
  subscription.begin = Begin::kAfterSequence;
  subscription.after_sequence = proto.after_sequence();
  return absl::OkStatus();
}

absl::Status SetOverflow(const v1::EventsRequest& proto, EventSubscription& subscription) {
  switch (proto.overflow()) {
    case v1::EVENT_OVERFLOW_UNSPECIFIED:
    case v1::EVENT_OVERFLOW_GAP:
      subscription.end_on_overflow = false;
      return absl::OkStatus();
    case v1::EVENT_OVERFLOW_DISCONNECT:
      subscription.end_on_overflow = true;
      return absl::OkStatus();
    default:
      return Fault("overflow", absl::StrCat("there is no value ", proto.overflow()));
  }
}

}  // namespace

absl::StatusOr<EventSubscription> ToEventSubscription(const v1::EventsRequest& proto,
                                                      const std::string& incarnation,
                                                      uint64_t last_sequence) {
  EventSubscription subscription;
  if (absl::Status s = SetFilter(proto, subscription.filter); !s.ok()) return s;
  if (absl::Status s = SetBegin(proto, incarnation, last_sequence, subscription); !s.ok()) return s;
  if (absl::Status s = SetOverflow(proto, subscription); !s.ok()) return s;
  return subscription;
}

}  // namespace millrace
