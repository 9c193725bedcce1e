#include "server/rpc/convert/request_key.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "server/model/job_spec.h"

namespace millrace {
namespace {

// Of a SHA-256: enough that no two requests which somebody sends under one id agree in it.
constexpr size_t kDigestBytes = 16;

std::string Digest(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE] = {};
  EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha256(), nullptr);
  const auto* const text = reinterpret_cast<const char*>(digest);
  return absl::BytesToHexString(absl::string_view(text, kDigestBytes));
}

}  // namespace

absl::StatusOr<RequestKey> ToRequestKey(const char* method, const std::string& request_id,
                                        const google::protobuf::MessageLite& request) {
  RequestKey key;
  if (request_id.empty()) return key;
  if (absl::Status valid = ValidateName(request_id, "request_id"); !valid.ok()) return valid;
  key.id = request_id;
  key.method = method;
  // The messages have no maps, so that equal ones give equal bytes. The id is part of it, which
  // does no harm.
  key.digest = Digest(request.SerializeAsString());
  return key;
}

}  // namespace millrace
