#include "server/rpc/convert/utf8_text.h"

#include <cstddef>
#include <string_view>

#include "server/model/utf8.h"

namespace millrace {

std::string ToUtf8Text(const std::string& text) {
  std::string valid;
  for (std::string_view rest = text;;) {
    const size_t length = ValidUtf8Prefix(rest);
    valid += rest.substr(0, length);
    if (length == rest.size()) return valid;
    valid += kUtf8Replacement;
    rest.remove_prefix(length + 1);
  }
}

}  // namespace millrace
