#pragma once

#include <CivetServer.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"

namespace millrace {

// A real HTTP server on a free port of the loopback address that keeps what is posted to it and
// answers as the test says. The test owns it; its destructor waits for the requests under way.
// Thread-safe.
class WebhookReceiver {
 public:
  struct Request {
    std::string path;
    std::map<std::string, std::string> headers;
    std::string body;
  };
  struct Answer {
    int status = 200;
    std::vector<std::string> headers;
    std::string body;
  };
  using Answerer = std::function<Answer(const Request&)>;

  // `answer` is called in the server's threads.
  explicit WebhookReceiver(Answerer answer);
  // Always the same answer.
  explicit WebhookReceiver(Answer answer);
  ~WebhookReceiver();

  std::string Url(const std::string& path = "/hook") const;
  int port() const { return port_; }
  std::vector<Request> requests() const;

 private:
  class Handler : public CivetHandler {
   public:
    explicit Handler(WebhookReceiver& receiver) : receiver_(receiver) {}
    bool handlePost(CivetServer* server, mg_connection* connection) override;

   private:
    WebhookReceiver& receiver_;
  };

  const Answerer answer_;
  Handler handler_{*this};
  int port_ = 0;
  mutable Mutex mutex_;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  // Last, so that it ends first.
  std::unique_ptr<CivetServer> server_;
};

}  // namespace millrace
