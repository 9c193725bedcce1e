#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "client/output/style.h"

namespace millrace::cli {

// A table for people, with aligned columns. Rows are collected and written by Flush, which may be
// called again for further rows: columns never become narrower than they were. Makes what it is
// given visible. Owned by its user. Used from one thread: that of its user.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    // May be cut, down to this many columns of the screen, where the table is wider than the
    // screen; 0: never cut.
    size_t shrink_to = 0;
  };
  struct Cell {
    std::string text;
    Style style = Style::kPlain;
  };

  // `screen_width` 0: as wide as it takes.
  Table(std::vector<Column> columns, size_t screen_width, bool colored);

  size_t screen_width() const { return screen_width_; }

  // REQUIRES: one cell for each column.
  void AddRow(std::vector<Cell> cells);

  // Writes the titles, the first time, and the rows since the last Flush.
  void Flush(std::ostream& out);

 private:
  std::vector<size_t> FittedWidths() const;
  void WriteRow(const std::vector<Cell>& cells, const std::vector<size_t>& widths,
                std::ostream& out) const;

  // Constant after construction.
  const std::vector<Column> columns_;
  const size_t screen_width_;
  const bool colored_;

  std::vector<size_t> widths_;
  std::vector<std::vector<Cell>> rows_;
  bool titled_ = false;
};

}  // namespace millrace::cli
