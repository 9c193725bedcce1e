#include "server/app/database_url.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace millrace {
namespace {

using Parts = std::map<std::string, std::string>;

bool IsUri(const std::string& url) {
  return absl::StartsWith(url, "postgresql://") || absl::StartsWith(url, "postgres://");
}

std::string PercentDecoded(const std::string& text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() && std::isxdigit(text[i + 1]) &&
                           std::isxdigit(text[i + 2]);
    if (!is_escape) {
      decoded.push_back(text[i]);
      continue;
    }
    decoded.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)));
    i += 2;
  }
  return decoded;
}

// postgresql://[user[:password]@][host[:port]][/database][?name=value&...], not decoded.
Parts SplitUri(const std::string& url) {
  Parts parts;
  std::string rest = url.substr(url.find("://") + 3);
  const size_t question = rest.find('?');
  if (question != std::string::npos) {
    const std::vector<std::string> parameters = absl::StrSplit(rest.substr(question + 1), '&');
    for (const std::string& parameter : parameters) {
      const size_t equals = parameter.find('=');
      if (equals != std::string::npos) {
        parts[parameter.substr(0, equals)] = parameter.substr(equals + 1);
      }
    }
    rest.resize(question);
  }
  const size_t at = rest.rfind('@');
  if (at != std::string::npos) {
    const std::string user = rest.substr(0, at);
    const size_t colon = user.find(':');
    parts["user"] = user.substr(0, colon);
    if (colon != std::string::npos) parts["password"] = user.substr(colon + 1);
    rest.erase(0, at + 1);
  }
  const size_t slash = rest.find('/');
  if (slash != std::string::npos) parts["dbname"] = rest.substr(slash + 1);
  parts["host"] = rest.substr(0, slash);
  return parts;
}

// name = value ..., with values in single quotes where needed and \ before a quote within. What is
// left without a value gets the empty name.
Parts SplitKeywords(const std::string& url) {
  Parts parts;
  size_t i = 0;
  while (i < url.size()) {
    const size_t equals = url.find('=', i);
    if (equals == std::string::npos) {
      const std::string rest(absl::StripAsciiWhitespace(url.substr(i)));
      if (!rest.empty()) parts[""] = rest;
      break;
    }
    const std::string name(absl::StripAsciiWhitespace(url.substr(i, equals - i)));
    i = equals + 1;
    while (i < url.size() && absl::ascii_isspace(url[i])) ++i;
    const bool quoted = i < url.size() && url[i] == '\'';
    if (quoted) ++i;
    std::string value;
    for (; i < url.size(); ++i) {
      if (quoted ? url[i] == '\'' : absl::ascii_isspace(url[i])) break;
      if (url[i] == '\\' && i + 1 < url.size()) ++i;
      value.push_back(url[i]);
    }
    ++i;
    parts[name] = value;
  }
  return parts;
}

Parts Split(const std::string& url) { return IsUri(url) ? SplitUri(url) : SplitKeywords(url); }

bool IsOptionName(const std::string& name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
}

}  // namespace

bool IsDatabaseUrl(const std::string& text) {
  if (IsUri(text)) return true;
  const Parts parts = SplitKeywords(text);
  return !parts.empty() && std::all_of(parts.begin(), parts.end(),
                                       [](const auto& part) { return IsOptionName(part.first); });
}

std::string DescribeDatabase(const std::string& database_url) {
  Parts parts = Split(database_url);
  std::string text = parts["user"].empty() ? "" : absl::StrCat(parts["user"], "@");
  absl::StrAppend(&text, parts["host"].empty() ? "localhost" : parts["host"]);
  if (!parts["port"].empty()) absl::StrAppend(&text, ":", parts["port"]);
  if (!parts["dbname"].empty()) absl::StrAppend(&text, "/", parts["dbname"]);
  return text;
}

std::string WithoutPassword(const std::string& message, const std::string& database_url) {
  std::string clean = message;
  const std::string password = Split(database_url)["password"];
  if (!password.empty()) {
    clean = absl::StrReplaceAll(clean, {{password, "***"}, {PercentDecoded(password), "***"}});
  }
  absl::StripAsciiWhitespace(&clean);
  std::string one_line;
  for (const char c : clean) {
    if (c != '\n' && c != '\r' && c != '\t') {
      one_line.push_back(c);
    } else if (one_line.empty() || one_line.back() != ' ') {
      one_line.push_back(' ');
    }
  }
  return one_line;
}

}  // namespace millrace
