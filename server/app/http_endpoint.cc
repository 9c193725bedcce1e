#include "server/app/http_endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <ctime>
#include <thread>
#include <utility>

#include "CivetServer.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/app/unique_fd.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/base/named_thread.h"

namespace millrace {

// The first thing that the server has complained of. Thread-safe.
class HttpEndpoint::Complaint {
 public:
  void Note(const std::string& text) {
    MutexLock lock(mutex_);
    if (text_.empty()) text_ = text;
  }
  std::string text() const {
    MutexLock lock(mutex_);
    return text_;
  }

 private:
  mutable Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

namespace {

// The server wants a number in place of localhost.
std::string Numeric(const std::string& address) {
  constexpr char kLocalhost[] = "localhost:";
  if (!absl::StartsWith(address, kLocalhost)) return address;
  return absl::StrCat("127.0.0.1:", address.substr(sizeof(kLocalhost) - 1));
}

// Connects to this machine and hangs up.
void Connect(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // It has served its purpose whether or not it comes to a connection.
  const int ignored = connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  static_cast<void>(ignored);
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

HttpEndpoint::HttpEndpoint() : complaint_(std::make_unique<Complaint>()) {}

HttpEndpoint::~HttpEndpoint() {
  if (server_ == nullptr) return;
  // The server looks only every two seconds whether it should end, or when somebody connects.
  const int listening_port = port();
  std::atomic<bool> closed = false;
  std::thread closer = StartNamedThread("http-closer", [&] {
    server_->close();
    closed = true;
  });
  while (!closed) {
    Connect(listening_port);
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    nanosleep(&pause, nullptr);
  }
  closer.join();
}

int HttpEndpoint::OnLogMessage(const mg_connection* connection, const char* message) {
  const auto* server =
      static_cast<const CivetServer*>(mg_get_user_data(mg_get_context(connection)));
  static_cast<Complaint*>(const_cast<void*>(server->getUserContext()))->Note(message);
  spdlog::debug("http: {}", message);
  return 1;
}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Create(
    const std::string& address, std::map<std::string, PageMaker> pages) {
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint);
  // A few threads, so that a slow reader does not make the health pages wait.
  const std::vector<std::string> options = {
      "listening_ports", Numeric(address), "num_threads", "4", "request_timeout_ms", "5000"};
  CivetCallbacks callbacks;
  callbacks.log_message = OnLogMessage;
  try {
    endpoint->server_ =
        std::make_unique<CivetServer>(options, &callbacks, endpoint->complaint_.get());
  } catch (const CivetException&) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address, " for metrics and health: ", endpoint->complaint_->text(),
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
