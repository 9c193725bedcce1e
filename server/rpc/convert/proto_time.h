#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace millrace {

// Times and durations between our values and protobuf's. What protobuf cannot hold becomes the
// nearest that it can.
void SetTimestamp(absl::Time time, google::protobuf::Timestamp& proto);
void SetDuration(absl::Duration duration, google::protobuf::Duration& proto);

// INVALID_ARGUMENT "<field>: ..." if its nanoseconds are none. Which years may be is left to the
// limits of the field, which are narrower than protobuf's.
absl::StatusOr<absl::Time> ToTime(const google::protobuf::Timestamp& proto,
                                  const std::string& field);

// INVALID_ARGUMENT "<field>: ..." if it is not a duration of up to 10,000 years.
absl::StatusOr<absl::Duration> ToDuration(const google::protobuf::Duration& proto,
                                          const std::string& field);

}  // namespace millrace
