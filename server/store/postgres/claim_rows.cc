#include "server/store/postgres/claim_rows.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

// The columns of ClaimJobs.
enum Column {
  kId,
  kPayload,
  kQueue,
  kJobKey,
  kCorrelationId,
  kMetadata,
  // From here on with the first job of a chunk only.
  kLane,
  kPriority,
  kAttempt,
  kRunAt,
  kMaxAttempts,
  kCreatedAt,
  kRemembered,
  kRowJobs,
  // With the first job of the claim only.
  kClaimId,
  kClaimedAt
};

bool BeginsChunk(const pqxx::row& row) { return !row[kLane].is_null(); }

bool Precedes(const ClaimedJob& a, const ClaimedJob& b) {
  return std::tie(a.job.priority, a.job.run_at, a.job.id) <
         std::tie(b.job.priority, b.job.run_at, b.job.id);
}

}  // namespace

ClaimRows::ClaimRows(const pqxx::result& rows, const ClaimNames& names)
    : rows_(rows), names_(names), order_(rows.size()) {
  ids_.reserve(rows_.size());
  for (const auto& row : rows_) {
    ids_.push_back(row[kId].as<JobId>());
    if (!row[kClaimId].is_null()) ReadClaim(row);
  }
  FindOrder();
}

void ClaimRows::FindOrder() {
  std::iota(order_.begin(), order_.end(), 0);
  for (size_t i = 0; i < ids_.size(); ++i) {
    const bool follows = i > 0 && ids_[i] == ids_[i - 1] + 1;
    if (follows || BeginsChunk(rows_[static_cast<int>(i)])) continue;
    // The ids of a chunk follow each other, and no two chunks overlap.
    std::sort(order_.begin(), order_.end(), [&](int a, int b) { return ids_[a] < ids_[b]; });
    return;
  }
}

std::vector<int> ClaimRows::Lanes() const {
  std::vector<int> lanes;
  for (const auto& row : rows_) {
    if (BeginsChunk(row)) lanes.push_back(row[kLane].as<int>());
  }
  return lanes;
}

std::vector<int> ClaimRows::Queues() const {
  std::vector<int> queues;
  for (const auto& row : rows_) {
    if (!row[kQueue].is_null()) queues.push_back(row[kQueue].as<int>());
  }
  return queues;
}

double ClaimRows::jobs_per_row() const {
  double rows = 0;
  double jobs = 0;
  for (const auto& row : rows_) {
    if (!BeginsChunk(row)) continue;
    ++rows;
    jobs += row[kRowJobs].as<double>();
  }
  return jobs / rows;
}

std::vector<ClaimedJob> ClaimRows::Decode() {
  std::vector<ClaimedJob> claimed;
  std::vector<JobId> remembered;
  claimed.reserve(order_.size());
  for (const int place : order_) {
    const pqxx::row row = rows_[place];
    if (BeginsChunk(row)) BeginChunk(row);
    claimed.push_back(DecodeJob(row));
    claimed.back().job.id = ids_[place];
    if (chunk_remembered_) remembered.push_back(ids_[place]);
  }
  if (!std::is_sorted(claimed.begin(), claimed.end(), Precedes))
    std::sort(claimed.begin(), claimed.end(), Precedes);
  for (const JobId id : remembered) remembered_[id] = 0;
  for (size_t i = 0; !remembered.empty() && i < claimed.size(); ++i) {
    const auto found = remembered_.find(claimed[i].job.id);
    if (found != remembered_.end()) found->second = i;
  }
  return claimed;
}

void ClaimRows::ReadClaim(const pqxx::row& row) {
  claim_id_ = row[kClaimId].as<ClaimId>();
  claimed_at_ = ParseTimestamp(row[kClaimedAt].c_str());
}

void ClaimRows::BeginChunk(const pqxx::row& row) {
  const auto lane = names_.FindLane(row[kLane].as<int>());
  if (lane != nullptr) {
    chunk_.job.task_identifier = lane->task_identifier;
    chunk_.job.flags = lane->flags;
  }
  chunk_.claim_id = claim_id_;
  chunk_.job.priority = row[kPriority].as<int>();
  chunk_.job.attempt = row[kAttempt].as<int>();
  chunk_.job.max_attempts = row[kMaxAttempts].as<int>();
  chunk_.job.run_at = ParseTimestamp(row[kRunAt].c_str());
  chunk_.job.created_at =
      row[kCreatedAt].is_null() ? chunk_.job.run_at : ParseTimestamp(row[kCreatedAt].c_str());
  chunk_.queue_time_at_claim = claimed_at_ - chunk_.job.run_at;
  chunk_remembered_ = row[kRemembered].as<bool>();
}

ClaimedJob ClaimRows::DecodeJob(const pqxx::row& row) const {
  ClaimedJob claimed = chunk_;
  claimed.job.payload.assign(row[kPayload].c_str(), row[kPayload].size());
  if (!row[kQueue].is_null()) claimed.job.queue_name = names_.FindQueue(row[kQueue].as<int>());
  claimed.job.job_key = row[kJobKey].c_str();
  claimed.job.correlation_id = row[kCorrelationId].c_str();
  claimed.job.metadata.assign(row[kMetadata].c_str(), row[kMetadata].size());
  claimed.plain = !chunk_remembered_ && row[kQueue].is_null() && row[kJobKey].is_null();
  return claimed;
}

}  // namespace millrace
