#include "client/cli/session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/output/text.h"
#include "client/output/time_text.h"

namespace millrace::cli {
// gRPC tells the cause last, after "failed to connect to all addresses; last error: ...: ".
std::string CauseOf(const absl::Status& status) {
  const std::string message(status.message().data(), status.message().size());
  const size_t colon = message.starts_with("failed to connect") || message.starts_with("DNS ")
                           ? message.rfind(": ")
                           : std::string::npos;
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

absl::StatusOr<const client::Connection*> Session::Connect() {
  if (connection_ == nullptr) {
    client::ClientOptions options;
    options.address = options_.address;
    options.deadline = options_.timeout;
    if (options_.timeout_given) options.stop_deadline = options_.timeout;
    absl::StatusOr<std::unique_ptr<client::Connection>> connection =
        client::Connection::Create(std::move(options));
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
  }
  return connection_.get();
}

void Session::Remark(const std::string& text) {
  console_.out.flush();
  console_.err << "millrace: " << VisibleText(text) << std::endl;
}

std::string Session::Explain(const absl::Status& status) const {
  std::string message(status.message().data(), status.message().size());
  if (said_in_full_) return message;
  const std::string& address =
      connection_ == nullptr ? options_.address : connection_->options().address;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (connection_ == nullptr || connection_->connected()) return message;
      return absl::StrCat("cannot reach a server at ", address, " (", CauseOf(status),
                          "): start millrace-server there, or name another address with --address "
                          "or MILLRACE_ADDRESS");
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrCat("no answer from ", address, " within ",
                          DurationText(patience_.value_or(options_.timeout)),
                          ": give it more time with --timeout",
                          doubt_.empty() ? "" : absl::StrCat("; ", doubt_));
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat("the server at ", address, " does not know this call: ", message,
                          "; update the older of the two");
    default:
      return message.empty() ? "failed without a reason (" + status.ToString() + ")" : message;
  }
}

absl::Status Session::FlushOutput() {
  console_.out.flush();
  if (console_.out.good()) return absl::OkStatus();
  return absl::DataLossError("cannot write the output: is the disk full?");
}

}  // namespace millrace::cli
