#include "tests/unit/tasks/webhook_receiver.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <utility>

#include "tasks/support/file_descriptor.h"

namespace millrace {
namespace {

WebhookReceiver::Request ReadRequest(mg_connection* connection) {
  const mg_request_info& info = *mg_get_request_info(connection);
  WebhookReceiver::Request request;
  request.path = info.local_uri;
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers[info.http_headers[i].name] = info.http_headers[i].value;
  }
  request.body = CivetServer::getPostData(connection);
  return request;
}

void Send(mg_connection* connection, const WebhookReceiver::Answer& answer) {
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\n";
  for (const std::string& header : answer.headers) text += header + "\r\n";
  text += "Content-Length: " + std::to_string(answer.body.size()) + "\r\nConnection: close\r\n\r\n";
  text += answer.body;
  mg_write(connection, text.data(), text.size());
}

void Connect(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // It may be closed already, which is just as well.
  connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

}  // namespace

WebhookReceiver::WebhookReceiver(Answerer answer) : answer_(std::move(answer)) {
  const std::vector<std::string> options = {"listening_ports", "127.0.0.1:0", "num_threads", "2"};
  server_ = std::make_unique<CivetServer>(options);
  port_ = server_->getListeningPorts().at(0);
  server_->addHandler("/", handler_);
}

WebhookReceiver::WebhookReceiver(Answer answer)
    : WebhookReceiver([answer = std::move(answer)](const Request&) { return answer; }) {}

WebhookReceiver::~WebhookReceiver() {
  const std::future<void> closed = std::async(std::launch::async, [this] { server_->close(); });
  // The server looks only every two seconds whether it should end, unless somebody connects.
  while (closed.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) Connect(port_);
}

std::string WebhookReceiver::Url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<WebhookReceiver::Request> WebhookReceiver::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

bool WebhookReceiver::Handler::handlePost(CivetServer* /*server*/, mg_connection* connection) {
  const Request request = ReadRequest(connection);
  {
    MutexLock lock(receiver_.mutex_);
    receiver_.requests_.push_back(request);
  }
  Send(connection, receiver_.answer_(request));
  return true;
}

}  // namespace millrace
