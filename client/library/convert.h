#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/library/feed_message.h"
#include "client/library/job_records.h"
#include "client/library/pool_records.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "millrace/v1/job_queue.pb.h"
#include "millrace/v1/worker_pool.pb.h"
#include "server/model/attempt.h"
#include "server/model/job.h"
#include "server/model/job_ending.h"
#include "server/model/job_spec.h"

namespace millrace::client {

// Between the messages of millrace.v1 and plain values, in a client's directions: requests are
// encoded, responses decoded. Decoding fails with UNIMPLEMENTED where a later server sends an enum
// value that this client does not know.

google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);
v1::JobKeyMode ToProto(JobKeyMode mode);
v1::JobState ToProto(JobState state);
v1::JobSpec ToProto(const JobSpec& spec);
v1::UpdatePoolRequest ToProto(const PoolChange& change);
v1::ListJobsRequest ToProto(const JobFilter& filter);

absl::Time FromProto(const google::protobuf::Timestamp& time);
absl::Duration FromProto(const google::protobuf::Duration& duration);
absl::StatusOr<JobState> FromProto(v1::JobState state);
absl::StatusOr<AttemptOutcome> FromProto(v1::AttemptOutcome outcome);
absl::StatusOr<AddResult> FromProto(v1::AddResult result);
absl::StatusOr<EndResult> FromProto(v1::CancelResult result);
absl::StatusOr<EndResult> FromProto(v1::FailResult result);
absl::StatusOr<JobDetails> FromProto(v1::Job&& job);
absl::StatusOr<Attempt> FromProto(v1::Attempt&& proto);
PartialSuccess FromProto(v1::PartialSuccess&& partial);
PoolStats FromProto(const v1::StatsResponse& proto);
JobProgress FromProto(v1::JobProgress&& progress);
StartedPool FromProto(const v1::StartResponse& proto);
StopReport FromProto(const v1::StopResponse& proto);
ChangedPool FromProto(const v1::UpdatePoolResponse& proto);
absl::StatusOr<ListedPool> FromProto(const v1::ListedPool& proto);
JobEventData FromProto(v1::JobEvent&& job);
FeedEvent FromProto(v1::Event&& proto);

}  // namespace millrace::client
