#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "server/store/request_key.h"

namespace millrace {

// The key under which a change is made once: empty if the request has no request_id. `method` is
// such as "JobQueue/AddJob". INVALID_ARGUMENT "request_id: ..." for one that is too long or not
// printable.
absl::StatusOr<RequestKey> ToRequestKey(const char* method, const std::string& request_id,
                                        const google::protobuf::MessageLite& request);

}  // namespace millrace
