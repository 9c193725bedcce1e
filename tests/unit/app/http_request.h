#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "server/app/unique_fd.h"

namespace millrace {

// What a server on this machine answers to a request such as "GET /path", head and body; "" if it
// does not.
inline std::string HttpRequest(int port, const std::string& line) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return "";
  const std::string text = line + " HTTP/1.1\r\nHost: here\r\n\r\n";
  if (write(fd.get(), text.data(), text.size()) < 0) return "";
  std::string answer;
  char part[1024];
  for (ssize_t length; (length = read(fd.get(), part, sizeof(part))) > 0;) {
    answer.append(part, static_cast<size_t>(length));
  }
  return answer;
}

}  // namespace millrace
