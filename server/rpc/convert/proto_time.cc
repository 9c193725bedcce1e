#include "server/rpc/convert/proto_time.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// What protobuf allows: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, and 10,000 years.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;
constexpr int64_t kDurationSeconds = 315'576'000'000;
constexpr int32_t kLastNano = 999'999'999;

absl::Status Fault(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

}  // namespace

void SetTimestamp(absl::Time time, google::protobuf::Timestamp& proto) {
  const absl::Time held = std::clamp(time, absl::FromUnixSeconds(kFirstSecond),
                                     absl::FromUnixSeconds(kLastSecond + 1) - absl::Nanoseconds(1));
  const int64_t seconds = absl::ToUnixSeconds(held);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(held - absl::FromUnixSeconds(seconds))));
}

void SetDuration(absl::Duration duration, google::protobuf::Duration& proto) {
  const absl::Duration limit = absl::Seconds(kDurationSeconds);
  absl::Duration rest;
  const int64_t seconds =
      absl::IDivDuration(std::clamp(duration, -limit, limit), absl::Seconds(1), &rest);
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::StatusOr<absl::Time> ToTime(const google::protobuf::Timestamp& proto,
                                  const std::string& field) {
  if (proto.nanos() < 0 || proto.nanos() > kLastNano) {
    return Fault(field, absl::StrCat("nanos must be 0 to ", kLastNano, ", got ", proto.nanos()));
  }
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::StatusOr<absl::Duration> ToDuration(const google::protobuf::Duration& proto,
                                          const std::string& field) {
  if (proto.seconds() < -kDurationSeconds || proto.seconds() > kDurationSeconds) {
    return Fault(field,
                 absl::StrCat("must be below 10,000 years, got ", proto.seconds(), " seconds"));
  }
  if (proto.nanos() < -kLastNano || proto.nanos() > kLastNano) {
    return Fault(field, absl::StrCat("nanos must be within 1 s, got ", proto.nanos()));
  }
  if ((proto.seconds() < 0 && proto.nanos() > 0) || (proto.seconds() > 0 && proto.nanos() < 0)) {
    return Fault(field, "seconds and nanos must have the same sign");
  }
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

}  // namespace millrace
