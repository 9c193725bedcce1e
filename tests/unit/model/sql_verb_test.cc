#include "server/model/sql_verb.h"

#include "gtest/gtest.h"

namespace millrace {
namespace {

TEST(SqlVerbTest, WhatReadsAndWritesStaysWithinTheTransaction) {
  for (const char* sql :
       {"select 1", "  INSERT into t values ($1)", "update t set a = 1", "Delete from t",
        "with x as (select 1) select * from x", "(select 1) union (select 2)", "values (1)",
        "savepoint a", "release savepoint a", "rollback to a", "rollback to savepoint a",
        "rollback work to savepoint a", "-- why\nselect 1", "/* a /* b */ commit */ select 1"}) {
    EXPECT_EQ(VerbOf(sql), SqlVerb::kWithinTransaction) << sql;
  }
}

TEST(SqlVerbTest, WhatEndsATransactionIsFound) {
  for (const char* sql :
       {"commit", "COMMIT work", "  end", "abort", "begin", "start transaction", "rollback",
        "rollback;", "rollback work", "rollback and chain", "/* x */ commit", "-- x\n commit",
        "; commit", "prepare transaction 'x'", "rollback prepared 'x'", "commit prepared 'x'"}) {
    EXPECT_EQ(VerbOf(sql), SqlVerb::kEndsTransaction) << sql;
  }
}

TEST(SqlVerbTest, WhatIsNotKnownMayChangeTheSession) {
  for (const char* sql : {"set search_path = x", "reset all", "listen a", "prepare a as select 1",
                          "create temporary table t (a int)", "do $$ begin end $$", "discard all",
                          "declare c cursor with hold for select 1", "", "selects", "/*", "?"}) {
    EXPECT_EQ(VerbOf(sql), SqlVerb::kChangesSession) << sql;
  }
}

TEST(SqlVerbTest, CopyIsAKindOfItsOwn) { EXPECT_EQ(VerbOf("copy t from stdin"), SqlVerb::kCopies); }

}  // namespace
}  // namespace millrace
