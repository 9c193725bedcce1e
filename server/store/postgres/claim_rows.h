#pragma once

#include <map>
#include <pqxx/pqxx>
#include <vector>

#include "server/store/pool_store.h"
#include "server/store/postgres/claim_names.h"

namespace millrace {

// The result of the statement ClaimJobs, turned into jobs. What a chunk shares stands with its
// first job only, and what the claim shares with the first of all. Used from one thread.
class ClaimRows {
 public:
  // REQUIRES: rows is not empty. It and `names` outlive this object.
  ClaimRows(const pqxx::result& rows, const ClaimNames& names);

  // All that the rows name, with repetitions.
  std::vector<int> Lanes() const;
  std::vector<int> Queues() const;

  // REQUIRES: `names` has learned them. In the order of priority, run_at, id.
  std::vector<ClaimedJob> Decode();
  // Jobs of which something is remembered, by id, with their places in what Decode returned.
  const std::map<JobId, size_t>& remembered() const { return remembered_; }
  // How many jobs the rows of ready stood for, on the average.
  double jobs_per_row() const;

 private:
  void FindOrder();
  void ReadClaim(const pqxx::row& row);
  void BeginChunk(const pqxx::row& row);
  ClaimedJob DecodeJob(const pqxx::row& row) const;

  const pqxx::result& rows_;
  const ClaimNames& names_;
  // The rows so that each chunk stands together, beginning with its first.
  std::vector<int> order_;
  std::vector<JobId> ids_;
  ClaimId claim_id_ = 0;
  absl::Time claimed_at_;
  // What the jobs of the present chunk share.
  ClaimedJob chunk_;
  bool chunk_remembered_ = false;
  std::map<JobId, size_t> remembered_;
};

}  // namespace millrace
