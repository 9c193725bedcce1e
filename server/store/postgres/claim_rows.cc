#include "server/store/postgres/claim_rows.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_split.h"
#include "server/store/postgres/postgres_text.h"

namespace millrace {
namespace {

// The columns of ClaimJobs.
enum Column { kId, kPayload, kQueue, kJobKey, kCorrelationId, kMetadata, kChunk };

// The parts of kChunk. The last two only with the first job of the claim.
enum ChunkPart {
  kLane,
  kPriority,
  kAttempt,
  kMaxAttempts,
  kRemembered,
  kRowJobs,
  kRunAt,
  kCreatedAt,
  kClaimId,
  kClaimedAt,
  kAllParts
};

// A field of pqxx counts a reference to the result, so each is made once.
int64_t Integer(const pqxx::field& field) { return std::strtoll(field.c_str(), nullptr, 10); }

bool Precedes(const ClaimedJob& a, const ClaimedJob& b) {
  return std::tie(a.job.priority, a.job.run_at, a.job.id) <
         std::tie(b.job.priority, b.job.run_at, b.job.id);
}

}  // namespace

int ClaimRowLimit(int row_count) {
  static constexpr std::array kLimits = {4, 16, 64, 256, 1024, kMaxClaimRows};
  return *std::lower_bound(kLimits.begin(), kLimits.end() - 1, row_count);
}

ClaimId ClaimRows::FindClaimId(const pqxx::result& result) {
  for (const auto& row : result) {
    const std::vector<std::string> parts = absl::StrSplit(row[kChunk].c_str(), ',');
    if (parts.size() == kAllParts) return std::strtoll(parts[kClaimId].c_str(), nullptr, 10);
  }
  return 0;
}

ClaimRows::ClaimRows(const pqxx::result& result) : result_(result) {
  rows_.reserve(result_.size());
  bool together = true;
  for (const auto& row : result_) {
    const Row read = ReadRow(row);
    together = together && (read.begins >= 0 || read.id == rows_.back().id + 1);
    rows_.push_back(read);
  }
  if (!together) BringTogether();
}

ClaimRows::Row ClaimRows::ReadRow(const pqxx::row& row) {
  Row read;
  read.place = static_cast<int>(row.rownumber());
  read.id = Integer(row[kId]);
  read.queue = static_cast<int>(Integer(row[kQueue]));
  const pqxx::field chunk = row[kChunk];
  if (!chunk.is_null()) {
    read.begins = static_cast<int>(chunks_.size());
    AddChunk(chunk.c_str());
  }
  return read;
}

void ClaimRows::AddChunk(const char* text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');

  const auto integer = [&](ChunkPart part) {
    return std::strtoll(parts[part].c_str(), nullptr, 10);
  };
  Chunk chunk;
  chunk.lane = static_cast<int>(integer(kLane));
  chunk.row_jobs = static_cast<double>(integer(kRowJobs));
  chunk.remembered = parts[kRemembered] == "t";
  chunk.shared.job.priority = static_cast<int>(integer(kPriority));
  chunk.shared.job.attempt = static_cast<int>(integer(kAttempt));
  chunk.shared.job.max_attempts = static_cast<int>(integer(kMaxAttempts));
  chunk.shared.job.run_at = ParseTimestamp(parts[kRunAt]);
  chunk.shared.job.created_at = ParseTimestamp(parts[kCreatedAt]);
  chunks_.push_back(std::move(chunk));
  if (parts.size() < kAllParts) return;
  claim_id_ = integer(kClaimId);
  claimed_at_ = ParseTimestamp(parts[kClaimedAt]);
}

// The ids of a chunk follow each other, and no two chunks overlap.
void ClaimRows::BringTogether() {
  std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
}

std::vector<int> ClaimRows::Lanes() const {
  std::vector<int> lanes;
  for (const Chunk& chunk : chunks_) lanes.push_back(chunk.lane);
  return lanes;
}

std::vector<int> ClaimRows::Queues() const {
  std::vector<int> queues;
  for (const Row& row : rows_) {
    if (row.queue != 0) queues.push_back(row.queue);
  }
  return queues;
}

double ClaimRows::jobs_per_row() const {
  double jobs = 0;
  for (const Chunk& chunk : chunks_) jobs += chunk.row_jobs;
  return jobs / static_cast<double>(chunks_.size());
}

std::vector<ClaimedJob> ClaimRows::Decode(const ClaimNames& names) {
  CompleteChunks(names);
  std::vector<ClaimedJob> claimed;
  claimed.reserve(rows_.size());
  const Chunk* chunk = nullptr;
  for (const Row& row : rows_) {
    if (row.begins >= 0) chunk = &chunks_[row.begins];
    claimed.push_back(DecodeJob(row, *chunk, names));
    if (chunk->remembered) remembered_[row.id] = 0;
  }
  if (!std::is_sorted(claimed.begin(), claimed.end(), Precedes))
    std::sort(claimed.begin(), claimed.end(), Precedes);
  if (!remembered_.empty()) FindRemembered(claimed);
  return claimed;
}

void ClaimRows::CompleteChunks(const ClaimNames& names) {
  for (Chunk& chunk : chunks_) {
    const auto lane = names.FindLane(chunk.lane);
    if (lane != nullptr) {
      chunk.shared.job.task_identifier = lane->task_identifier;
      chunk.shared.job.flags = lane->flags;
    }
    chunk.shared.claim_id = claim_id_;
    chunk.shared.queue_time_at_claim = claimed_at_ - chunk.shared.job.run_at;
  }
}

ClaimedJob ClaimRows::DecodeJob(const Row& row, const Chunk& chunk, const ClaimNames& names) const {
  const pqxx::row fields = result_[row.place];
  ClaimedJob claimed = chunk.shared;
  Job& job = claimed.job;
  job.id = row.id;
  job.payload = fields[kPayload].c_str();
  job.job_key = fields[kJobKey].c_str();
  job.correlation_id = fields[kCorrelationId].c_str();
  job.metadata = fields[kMetadata].c_str();
  if (row.queue != 0) job.queue_name = names.FindQueue(row.queue);
  claimed.plain = !chunk.remembered && row.queue == 0 && job.job_key.empty();
  return claimed;
}

void ClaimRows::FindRemembered(const std::vector<ClaimedJob>& claimed) {
  for (size_t i = 0; i < claimed.size(); ++i) {
    const auto found = remembered_.find(claimed[i].job.id);
    if (found != remembered_.end()) found->second = i;
  }
}

}  // namespace millrace
