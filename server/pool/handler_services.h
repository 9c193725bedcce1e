#pragma once

#include "server/model/job_admission.h"
#include "server/store/handler_store.h"
#include "server/store/job_store.h"

namespace millrace {

// What handlers can use beside their job. The stores outlive the pool; without them, as in tests of
// other things, handlers are told that there are none. A plain value.
struct HandlerServices {
  JobStore* jobs = nullptr;
  HandlerStore* transactions = nullptr;
  JobAdmission admission;
};

}  // namespace millrace
