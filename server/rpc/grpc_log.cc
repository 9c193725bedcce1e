#include "server/rpc/grpc_log.h"

#include <string>

#include "grpc/support/log.h"
#include "server/base/logging.h"

namespace millrace {
namespace {

void Log(gpr_log_func_args* record) {
  const spdlog::level::level_enum level =
      record->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn : spdlog::level::trace;
  spdlog::log(level, "gRPC: {}", record->message);
}

}  // namespace

void SendGrpcLogToOurs() { gpr_set_log_function(&Log); }

}  // namespace millrace
