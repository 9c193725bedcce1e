#include "server/rpc/grpc_log.h"

#include <string>

#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/base/logging.h"

namespace millrace {
namespace {

void Log(gpr_log_func_args* record) {
  const spdlog::level::level_enum level =
      record->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn : spdlog::level::trace;
  spdlog::log(level, "gRPC: {}", record->message);
}

void LogOfProtobuf(google::protobuf::LogLevel level, const char* /*file*/, int /*line*/,
                   const std::string& message) {
  const bool error = level >= google::protobuf::LOGLEVEL_ERROR;
  spdlog::log(error ? spdlog::level::debug : spdlog::level::trace, "Protobuf: {}", message);
}

}  // namespace

void SendGrpcLogToOurs() {
  gpr_set_log_function(&Log);
  google::protobuf::SetLogHandler(&LogOfProtobuf);
}

}  // namespace millrace
