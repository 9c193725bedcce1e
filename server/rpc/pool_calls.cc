#include "server/rpc/pool_calls.h"

namespace millrace {
namespace {

constexpr size_t kMaxWorkerIdBytes = 256;

}  // namespace

absl::StatusOr<PoolTarget> ToPoolTarget(const v1::PoolSelector& selector) {
  switch (selector.which_case()) {
    case v1::PoolSelector::kWorkerId:
      if (!selector.worker_id().empty() && selector.worker_id().size() <= kMaxWorkerIdBytes) {
        return PoolTarget{.worker_id = selector.worker_id()};
      }
      return absl::InvalidArgumentError(
          absl::StrCat("pool.worker_id: must be 1 to ", kMaxWorkerIdBytes, " bytes"));
    case v1::PoolSelector::kAll:
      if (selector.all()) return PoolTarget{.all = true};
      return absl::InvalidArgumentError("pool.all: must be true");
    case v1::PoolSelector::WHICH_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("pool: must name a worker_id, or all");
}

}  // namespace millrace
