#include "server/store/postgres/sql_statements.h"

#include <sstream>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_schema.h"

namespace millrace {
namespace {

TEST(SqlStatementsTest, EveryStatementIsAcceptedByAFreshSchema) {
  TestSchema schema;
  for (const auto& [name, text] : schema.database().statements().All()) {
    const std::string statement = absl::StrReplaceAll(text, {{"{rows}", "16"}});
    const absl::Status prepared =
        schema.database().Run("prepare", [&](PostgresConnection& connection) {
          connection.raw().prepare("test_" + name, statement);
          connection.raw().prepare_now("test_" + name);
        });
    EXPECT_TRUE(prepared.ok()) << name << ": " << prepared;
  }
}

TEST(SqlStatementsTest, NoTokenIsLeftInAnyText) {
  const auto statements = SqlStatements::Create("some_name");
  ASSERT_TRUE(statements.ok());
  EXPECT_GT(statements->All().size(), 15u);
  for (const auto& [name, text] : statements->All())
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("{schema}"))) << name;
  for (const SqlMigration& migration : statements->Migrations()) {
    EXPECT_THAT(migration.text, testing::Not(testing::HasSubstr("{schema}"))) << migration.name;
  }
}

TEST(SqlStatementsTest, MigrationsAreNumberedWithoutAHole) {
  const auto statements = SqlStatements::Create("some_name");
  ASSERT_TRUE(statements.ok());
  for (size_t i = 0; i < statements->Migrations().size(); ++i) {
    EXPECT_EQ(statements->Migrations()[i].version, static_cast<int>(i));
  }
}

TEST(SqlStatementsTest, ASchemaNameThatCouldBeMoreThanANameIsRefused) {
  for (const std::string bad : {"", "1a", "A", "a-b", "a b", "a;b", "pg_a", "a\"b",
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_EQ(SqlStatements::Create(bad).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(SqlStatementsTest, AReservedWordIsNoSchemaName) {
  TestSchema schema;
  std::istringstream words(
      schema.Query("select string_agg(word, ' ') from pg_get_keywords() where catcode <> 'U'"));
  int count = 0;
  for (std::string word; words >> word; ++count) {
    EXPECT_EQ(SqlStatements::CheckSchemaName(word),
              absl::InvalidArgumentError("schema: \"" + word +
                                         "\" is a reserved word of PostgreSQL; choose another "
                                         "name"));
  }
  EXPECT_GT(count, 100);
  for (const char* good : {"millrace", "jobs", "queue", "users", "orders", "_user"})
    EXPECT_EQ(SqlStatements::CheckSchemaName(good), absl::OkStatus());
}

}  // namespace
}  // namespace millrace
