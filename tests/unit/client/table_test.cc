#include "client/output/table.h"

#include <sstream>

#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

std::string Written(Table& table) {
  std::ostringstream out;
  table.Flush(out);
  return out.str();
}

TEST(TableTest, AlignsColumnsToTheWidestCell) {
  Table table({{"ID", Table::Align::kRight}, {"TASK"}, {"STATE"}}, 0, false);
  table.AddRow({{"7"}, {"resize_image"}, {"ready"}});
  table.AddRow({{"1234"}, {"ping"}, {"held"}});
  EXPECT_EQ(Written(table),
            "  ID  TASK          STATE\n"
            "   7  resize_image  ready\n"
            "1234  ping          held\n");
}

TEST(TableTest, LeavesNoSpacesAtTheEndOfALine) {
  Table table({{"A"}, {"B"}, {"C"}}, 0, false);
  table.AddRow({{"x"}, {""}, {""}});
  EXPECT_EQ(Written(table), "A  B  C\nx\n");
}

TEST(TableTest, AlignsWideCharactersByTheirWidth) {
  Table table({{"A"}, {"B"}}, 0, false);
  table.AddRow({{"世界"}, {"x"}});
  table.AddRow({{"abcd"}, {"y"}});
  EXPECT_EQ(Written(table), "A     B\n世界  x\nabcd  y\n");
}

TEST(TableTest, CutsTheWidestShrinkableColumnToFitTheScreen) {
  Table table({{"ID"}, {"TASK", Table::Align::kLeft, 4}, {"ERROR", Table::Align::kLeft, 4}}, 20,
              false);
  table.AddRow({{"12345"}, {"ping"}, {"a long story about a failure"}});
  EXPECT_EQ(Written(table),
            "ID     TASK  ERROR\n"
            "12345  ping  a long…\n");
}

TEST(TableTest, NeverCutsAColumnThatMustStayWhole) {
  Table table({{"ID"}, {"TASK", Table::Align::kLeft, 4}}, 5, false);
  table.AddRow({{"1234567890"}, {"resize_image"}});
  EXPECT_EQ(Written(table), "ID          TASK\n1234567890  res…\n");
}

TEST(TableTest, CutsNothingWhereThereIsNoScreen) {
  Table table({{"ERROR", Table::Align::kLeft, 4}}, 0, false);
  table.AddRow({{std::string(500, 'x')}});
  EXPECT_EQ(Written(table), "ERROR\n" + std::string(500, 'x') + "\n");
}

TEST(TableTest, MakesHostileCellsVisibleAndKeepsOneLinePerRow) {
  Table table({{"ERROR"}, {"ID"}}, 0, false);
  table.AddRow({{"\x1b[2Jowned\n"}, {"7"}});
  EXPECT_EQ(Written(table), "ERROR           ID\n\\x1b[2Jowned\\n  7\n");
}

TEST(TableTest, ColorsTheCellAndNotItsPadding) {
  Table table({{"STATE"}, {"ID"}}, 0, true);
  table.AddRow({{"ok", Style::kGood}, {"7"}});
  EXPECT_EQ(Written(table), "\x1b[1mSTATE\x1b[0m  \x1b[1mID\x1b[0m\n\x1b[32mok\x1b[0m     7\n");
}

TEST(TableTest, WritesTitlesOnceAndKeepsItsWidthsForLaterRows) {
  Table table({{"A"}, {"B"}}, 0, false);
  table.AddRow({{"long"}, {"1"}});
  Written(table);
  table.AddRow({{"x"}, {"2"}});
  EXPECT_EQ(Written(table), "x     2\n");
}

}  // namespace
}  // namespace millrace::cli
