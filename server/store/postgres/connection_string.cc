#include "server/store/postgres/connection_string.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace millrace {
namespace {

// Connecting takes so long at most, for each address of the host. What is sent and not
// acknowledged, and a connection on which nothing comes, end after 30 s.
constexpr const char* kLimits[] = {"connect_timeout=5", "keepalives_idle=15",
                                   "keepalives_interval=5", "keepalives_count=3",
                                   "tcp_user_timeout=30000"};

// Behind the scheme, and behind user and password, which may hold a question mark.
size_t HostOf(const std::string& uri) {
  const size_t authority = uri.find("://") + 3;
  const size_t end = uri.find_first_of("@/", authority);
  return end != std::string::npos && uri[end] == '@' ? end + 1 : authority;
}

}  // namespace

// libpq takes the last value of a name that comes twice, so ours come first.
std::string WithConnectionLimits(const std::string& database_url) {
  const bool is_uri =
      database_url.starts_with("postgresql://") || database_url.starts_with("postgres://");
  if (!is_uri) return absl::StrCat(absl::StrJoin(kLimits, " "), " ", database_url);
  const std::string limits = absl::StrJoin(kLimits, "&");
  const size_t question = database_url.find('?', HostOf(database_url));
  if (question == std::string::npos) return absl::StrCat(database_url, "?", limits);
  const std::string parameters = database_url.substr(question + 1);
  return absl::StrCat(database_url.substr(0, question + 1), limits, parameters.empty() ? "" : "&",
                      parameters);
}

}  // namespace millrace
