#include "client/output/field_list.h"

#include <algorithm>

#include "client/output/text.h"

namespace millrace::cli {

void FieldList::Add(std::string_view name, std::string_view value, Style style) {
  fields_.emplace_back(name, Styled(VisibleText(value), style, colored_));
}

void FieldList::AddUnlessEmpty(std::string_view name, std::string_view value, Style style) {
  if (!value.empty()) Add(name, value, style);
}

void FieldList::Write(std::ostream& out) const {
  size_t width = 0;
  for (const auto& [name, value] : fields_) width = std::max(width, name.size());
  for (const auto& [name, value] : fields_) {
    out << Styled(name, Style::kHeading, colored_) << std::string(width - name.size() + 2, ' ')
        << value << '\n';
  }
}

}  // namespace millrace::cli
