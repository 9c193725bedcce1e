#include "tasks/deliver_webhook/webhook_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

std::string HmacSha256Hex(const std::string& secret, const std::string& message) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest,
           &size) == nullptr) {
    throw std::runtime_error("OpenSSL refuses HMAC-SHA256");
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

}  // namespace

std::string WebhookSignature(const std::string& secret, absl::Time now, const std::string& body) {
  const std::string seconds = absl::StrCat(absl::ToUnixSeconds(now));
  return absl::StrCat("t=", seconds, ",v1=", HmacSha256Hex(secret, seconds + "." + body));
}

}  // namespace millrace
