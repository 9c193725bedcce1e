#include "server/app/http_endpoint.h"

#include <utility>

#include "CivetServer.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/logging.h"

namespace millrace {
namespace {

// What the server says of itself: the reason why it does not start, and trouble with clients.
int OnLogMessage(const mg_connection* connection, const char* message) {
  const mg_context* context = mg_get_context(connection);
  auto* complaint = static_cast<std::string*>(mg_get_user_data(context));
  if (complaint != nullptr && complaint->empty()) *complaint = message;
  spdlog::debug("http: {}", message);
  return 1;
}

// The server wants a number in place of localhost.
std::string Numeric(const std::string& address) {
  constexpr char kLocalhost[] = "localhost:";
  if (!absl::StartsWith(address, kLocalhost)) return address;
  return absl::StrCat("127.0.0.1:", address.substr(sizeof(kLocalhost) - 1));
}

}  // namespace

class HttpEndpoint::PageHandler final : public CivetHandler {
 public:
  explicit PageHandler(PageMaker maker) : maker_(std::move(maker)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    Send(connection, true);
    return true;
  }
  bool handleHead(CivetServer*, mg_connection* connection) override {
    Send(connection, false);
    return true;
  }

 private:
  void Send(mg_connection* connection, bool with_body) {
    const Page page = maker_();
    const std::string head = absl::StrCat(
        "HTTP/1.1 ", page.status, " ", mg_get_response_code_text(connection, page.status),
        "\r\nContent-Type: ", page.content_type, "\r\nContent-Length: ", page.body.size(),
        "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
    mg_write(connection, head.data(), head.size());
    if (with_body) mg_write(connection, page.body.data(), page.body.size());
  }

  const PageMaker maker_;
};

HttpEndpoint::HttpEndpoint() = default;
HttpEndpoint::~HttpEndpoint() = default;

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Create(
    const std::string& address, std::map<std::string, PageMaker> pages) {
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint);
  // A few threads, so that a slow reader does not make the health pages wait.
  const std::vector<std::string> options = {
      "listening_ports", Numeric(address), "num_threads", "4", "request_timeout_ms", "5000"};
  CivetCallbacks callbacks;
  callbacks.log_message = OnLogMessage;
  try {
    endpoint->server_ = std::make_unique<CivetServer>(options, &callbacks, &endpoint->complaint_);
  } catch (const CivetException&) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address, " for metrics and health: ",
        endpoint->complaint_.empty() ? "the address cannot be used" : endpoint->complaint_,
        "; name another address with --metrics-listen, or switch it off with --metrics-listen "
        "off"));
  }
  for (auto& [path, maker] : pages) {
    endpoint->handlers_.push_back(std::make_unique<PageHandler>(std::move(maker)));
    // The $ keeps the path from standing for all below it.
    endpoint->server_->addHandler(path + "$", *endpoint->handlers_.back());
  }
  return endpoint;
}

int HttpEndpoint::port() const { return server_->getListeningPorts().at(0); }

}  // namespace millrace
