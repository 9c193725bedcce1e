#include "tests/support/database_access.h"

#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/test_schema.h"

namespace millrace {

DatabaseAccess::DatabaseAccess(TestSchema& schema)
    // A name given twice holds for the last time.
    : schema_(schema), role_(schema.name() + "_role"), url_(TestDatabaseUrl() + " user=" + role_) {
  schema_.Query("create role " + role_ + " login");
  // All that the owner of the schema may do.
  schema_.Query("do $$ begin execute format('grant %I to " + role_ + "', current_user); end $$");
}

DatabaseAccess::~DatabaseAccess() { schema_.Query("drop role " + role_); }

void DatabaseAccess::Refuse() {
  schema_.Query("alter role " + role_ + " nologin");
  EXPECT_TRUE(Eventually([this] {
    return schema_.Query(
               "select count(pg_terminate_backend(pid)) from pg_stat_activity "
               "where usename = '" +
               role_ + "'") == "0";
  }));
}

void DatabaseAccess::Allow() { schema_.Query("alter role " + role_ + " login"); }

}  // namespace millrace
