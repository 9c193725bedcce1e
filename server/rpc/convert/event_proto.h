#pragma once

#include "millrace/v1/worker_pool.pb.h"
#include "server/model/job_event.h"

namespace millrace {

// Fills `proto`, whatever it held before, so that one message can serve many events and keep its
// memory; all but the worker id, which is the same for all events of a server.
void SetEvent(const Event& event, v1::Event& proto);

}  // namespace millrace
