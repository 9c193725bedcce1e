#include "tasks/import_csv/import_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

using testing::HasSubstr;

std::string FaultOf(const std::string& payload) {
  return std::string(ReadImportRequest(payload).status().message());
}

TEST(ImportRequestTest, ShortestPayloadGetsTheDefaults) {
  const absl::StatusOr<ImportRequest> request =
      ReadImportRequest(R"({"files": ["/a.csv"], "table": "sales"})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->schema, "");
  EXPECT_EQ(request->table, "sales");
  EXPECT_EQ(request->delimiter, ',');
  EXPECT_EQ(request->encoding, "UTF8");
  EXPECT_FALSE(request->create_table);
}

TEST(ImportRequestTest, TableMayNameItsSchema) {
  const absl::StatusOr<ImportRequest> request =
      ReadImportRequest(R"({"files": ["/a.csv"], "table": "shop.Sales"})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->schema, "shop");
  EXPECT_EQ(request->table, "Sales");
}

TEST(ImportRequestTest, BadTablesAreFaults) {
  for (const std::string table : {".sales", "shop.", "a.b.c"}) {
    EXPECT_THAT(FaultOf(R"({"files": ["/a.csv"], "table": ")" + table + "\"}"),
                HasSubstr("payload.table: "))
        << table;
  }
  EXPECT_THAT(FaultOf(R"({"files": ["/a.csv"], "table": ")" + std::string(64, 'x') + "\"}"),
              HasSubstr("1 to 63 bytes"));
}

TEST(ImportRequestTest, PathsThatNoResultCouldNameAreAFault) {
  const std::string folder = "/" + std::string(1000, 'd');
  std::string files;
  for (int i = 0; i < 250; ++i) {
    files += (i == 0 ? "\"" : ", \"") + folder + std::to_string(i) + "\"";
  }
  EXPECT_THAT(FaultOf(R"({"table": "t", "files": [)" + files + "]}"),
              HasSubstr("payload.files: the paths have 250"));
}

TEST(ImportRequestTest, EveryFaultIsNamed) {
  const std::string faults = FaultOf(
      R"({"files": [], "columns": [{"name": "a"}, {"name": "a", "type": "text; drop table x"}],
          "create_table": true, "delimiter": "ab", "import_id": ""})");
  for (const char* fault :
       {"payload.files: ", "payload.table: must be given", "payload.columns[0].type: must be given",
        "payload.columns[1].name: the column is named twice",
        "payload.columns[1].type: must be one", "payload.delimiter: ", "payload.import_id: "}) {
    EXPECT_THAT(faults, HasSubstr(fault));
  }
}

TEST(ImportRequestTest, CreatingATableNeedsColumns) {
  EXPECT_THAT(FaultOf(R"({"files": ["/a.csv"], "table": "t", "create_table": true})"),
              HasSubstr("payload.columns: must be given to create the table"));
}

TEST(ImportRequestTest, PlainTypesAreAllowed) {
  for (const char* type : {"text", "numeric", "numeric(12, 2)", "varchar(40)", "double precision",
                           "timestamp with time zone", "jsonb"}) {
    EXPECT_TRUE(IsAllowedColumnType(type)) << type;
  }
}

TEST(ImportRequestTest, WhatIsMoreThanATypeIsNotAllowed) {
  for (const char* type :
       {"", "text primary key", "text)", "numeric(", "numeric()", "numeric(1",
        "numeric(1); drop table x", "numeric(1) default 2", "money", "(1)", "numeric(random())"}) {
    EXPECT_FALSE(IsAllowedColumnType(type)) << type;
  }
}

}  // namespace
}  // namespace millrace
