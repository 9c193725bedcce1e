#pragma once

#include <map>
#include <pqxx/pqxx>
#include <vector>

#include "server/store/pool_store.h"
#include "server/store/postgres/claim_names.h"

namespace millrace {

// ClaimJobs takes at most this many rows of the table of ready jobs at once.
inline constexpr int kMaxClaimRows = 4096;
// The smallest row limit of which there is a prepared variant of ClaimJobs and that admits
// `row_count` rows.
int ClaimRowLimit(int row_count);

// The result of the statement ClaimJobs, turned into jobs. What a chunk shares stands with its
// first job only, and what the claim shares with the first of all. Used from one thread.
class ClaimRows {
 public:
  // REQUIRES: `result` is not empty; it outlives this object.
  explicit ClaimRows(const pqxx::result& result);

  // The claim of which the rows of `result` are; 0 if there is none.
  static ClaimId FindClaimId(const pqxx::result& result);

  // All lanes and serial queues that are named, with repetitions.
  std::vector<int> Lanes() const;
  std::vector<int> Queues() const;
  // How many jobs the rows of ready stood for, on the average.
  double jobs_per_row() const;

  // REQUIRES: `names` has learned Lanes() and Queues(). In the order of priority, run_at, id. Call
  // it once.
  std::vector<ClaimedJob> Decode(const ClaimNames& names);
  // Jobs of which something is remembered, by id, with their places in what Decode returned.
  const std::map<JobId, size_t>& remembered() const { return remembered_; }

 private:
  struct Chunk {
    int lane = 0;
    double row_jobs = 0;
    bool remembered = false;
    // What its jobs share.
    ClaimedJob shared;
  };
  struct Row {
    int place = 0;
    JobId id = 0;
    // Of which chunk it is the first, as an index; -1 for none.
    int begins = -1;
    // 0 for none.
    int queue = 0;
  };

  Row ReadRow(const pqxx::row& row);
  void AddChunk(const char* text);
  // Puts the rows so that each chunk stands together, beginning with its first.
  void BringTogether();
  void CompleteChunks(const ClaimNames& names);
  ClaimedJob DecodeJob(const Row& row, const Chunk& chunk, const ClaimNames& names) const;
  void FindRemembered(const std::vector<ClaimedJob>& claimed);

  const pqxx::result& result_;
  std::vector<Row> rows_;
  std::vector<Chunk> chunks_;
  ClaimId claim_id_ = 0;
  absl::Time claimed_at_;
  std::map<JobId, size_t> remembered_;
};

}  // namespace millrace
