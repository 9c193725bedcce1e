#include "server/rpc/convert/event_proto.h"

#include <string>
#include <string_view>
#include <variant>

#include "server/rpc/convert/job_proto.h"
#include "server/rpc/convert/proto_time.h"
#include "server/rpc/convert/utf8_text.h"

namespace millrace {
namespace {

// Fills the part of an event that is typed.
struct DataSetter {
  v1::Event& event;

  void operator()(const PoolEventData& data) const {
    v1::PoolEvent& proto = *event.mutable_pool();
    proto.set_concurrency(data.concurrency);
    proto.set_forced(data.forced);
  }

  void operator()(const JobEventData& data) const {
    v1::JobEvent& proto = *event.mutable_job();
    proto.set_job_id(data.job_id);
    proto.set_task_identifier(data.task_identifier);
    proto.set_attempt(data.attempt);
    proto.set_max_attempts(data.max_attempts);
    SetDuration(data.duration, *proto.mutable_duration());
    SetDuration(data.queue_time, *proto.mutable_queue_time());
    proto.set_error(ToUtf8Text(data.error));
    if (data.next_run_at.has_value()) {
      SetTimestamp(*data.next_run_at, *proto.mutable_next_run_at());
    } else {
      proto.clear_next_run_at();
    }
    if (data.partial_success != nullptr) {
      SetPartialSuccess(*data.partial_success, *proto.mutable_partial_success());
    } else {
      proto.clear_partial_success();
    }
    proto.set_queue_name(data.queue_name);
    if (data.progress != nullptr) {
      SetProgress(*data.progress, *proto.mutable_progress());
    } else {
      proto.clear_progress();
    }
    proto.clear_flags();
    for (const std::string& flag : data.flags) proto.add_flags(flag);
  }

  void operator()(const WorkerErrorData& data) const {
    v1::WorkerErrorEvent& proto = *event.mutable_worker_error();
    proto.set_operation(ToUtf8Text(data.operation));
    proto.set_error(ToUtf8Text(data.error));
  }
};

}  // namespace

void SetEvent(const Event& event, v1::Event& proto) {
  proto.set_sequence(event.sequence);
  const std::string_view type = EventTypeName(event.type);
  proto.set_type(type.data(), type.size());
  SetTimestamp(event.emitted_at, *proto.mutable_emitted_at());
  std::visit(DataSetter{proto}, event.data);
}

}  // namespace millrace
