#include "client/output/table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "client/output/text.h"

namespace millrace::cli {
namespace {

constexpr size_t kSpacing = 2;

}  // namespace

Table::Table(std::vector<Column> columns, size_t screen_width, bool colored)
    : columns_(std::move(columns)), screen_width_(screen_width), colored_(colored) {
  for (const Column& column : columns_) widths_.push_back(TextWidth(column.title));
}

void Table::AddRow(std::vector<Cell> cells) {
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i].text = VisibleText(cells[i].text);
    widths_[i] = std::max(widths_[i], TextWidth(cells[i].text));
  }
  rows_.push_back(std::move(cells));
}

void Table::Flush(std::ostream& out) {
  const std::vector<size_t> widths = FittedWidths();
  if (!std::exchange(titled_, true)) {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.push_back({column.title, Style::kHeading});
    WriteRow(titles, widths, out);
  }
  for (const std::vector<Cell>& row : std::exchange(rows_, {})) WriteRow(row, widths, out);
}

// Takes from the widest column that may shrink, until the row fits or none may.
std::vector<size_t> Table::FittedWidths() const {
  std::vector<size_t> widths = widths_;
  size_t total = std::accumulate(widths.begin(), widths.end(), kSpacing * (widths.size() - 1));
  while (screen_width_ > 0 && total > screen_width_) {
    size_t widest = columns_.size();
    for (size_t i = 0; i < columns_.size(); ++i) {
      const bool may_shrink = columns_[i].shrink_to > 0 && widths[i] > columns_[i].shrink_to;
      if (may_shrink && (widest == columns_.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

void Table::WriteRow(const std::vector<Cell>& cells, const std::vector<size_t>& widths,
                     std::ostream& out) const {
  std::string line;
  std::string gap;  // not written after the last text of the line
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string text = Shortened(cells[i].text, widths[i]);
    const std::string padding(widths[i] - std::min(widths[i], TextWidth(text)), ' ');
    const bool right = columns_[i].align == Align::kRight;
    if (right) gap += padding;
    if (!text.empty()) {
      line += std::exchange(gap, "") + Styled(text, cells[i].style, colored_);
    }
    if (!right) gap += padding;
    gap += std::string(kSpacing, ' ');
  }
  out << line << '\n';
}

}  // namespace millrace::cli
