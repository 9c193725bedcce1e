#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

class CivetServer;
struct mg_connection;

namespace millrace {

// A small HTTP server for pages that other programs look at: metrics and health. Owned by the
// service graph; what the pages call outlives it. It serves from its creation to its destruction,
// in threads of its own. Thread-safe.
class HttpEndpoint {
 public:
  struct Page {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  // Makes a page; called from many threads at once. It must not throw.
  using PageMaker = std::function<Page()>;

  // Listens on `address`, host:port or [IPv6]:port with a numeric host (or localhost), and serves
  // the pages by their path. UNAVAILABLE, in one line, if it cannot listen there.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Create(
      const std::string& address, std::map<std::string, PageMaker> pages);
  ~HttpEndpoint();

  int port() const;

 private:
  class Complaint;
  class PageHandler;

  HttpEndpoint();

  // What the server says of itself: the reason why it does not start, and trouble with clients.
  static int OnLogMessage(const mg_connection* connection, const char* message);

  // Destroyed in the reverse order: the server first.
  std::unique_ptr<Complaint> complaint_;
  std::vector<std::unique_ptr<PageHandler>> handlers_;
  std::unique_ptr<CivetServer> server_;
};

}  // namespace millrace
