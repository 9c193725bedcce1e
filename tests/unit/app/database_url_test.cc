#include "server/app/database_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(DatabaseUrlTest, AUriIsDescribedWithoutItsPassword) {
  EXPECT_EQ(DescribeDatabase("postgresql://jobs:hunter2@db.example.org:5433/work?sslmode=require"),
            "jobs@db.example.org:5433/work");
}

TEST(DatabaseUrlTest, AConnectionStringIsDescribedWithoutItsPassword) {
  EXPECT_EQ(DescribeDatabase("host = db user=jobs password='hun ter\\'2' port=5433 dbname=work"),
            "jobs@db:5433/work");
}

TEST(DatabaseUrlTest, AnAbsentHostIsThisMachine) {
  EXPECT_EQ(DescribeDatabase("dbname=work"), "localhost/work");
}

TEST(DatabaseUrlTest, PasswordsAreTakenOutInEveryForm) {
  for (const char* url :
       {"postgres://u:hunter2@h/d", "postgres://h/d?password=hunter2", "host=h password=hunter2"}) {
    EXPECT_EQ(WithoutPassword("no hunter2", url), "no ***") << url;
  }
}

TEST(DatabaseUrlTest, MessagesLoseThePasswordAndTheirLineBreaks) {
  const std::string message =
      WithoutPassword("bad \"p%40ss\"\n\tand p@ss too\n", "postgres://u:p%40ss@h/d");
  EXPECT_THAT(message, Not(HasSubstr("p%40ss")));
  EXPECT_THAT(message, Not(HasSubstr("p@ss")));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_EQ(message, "bad \"***\" and *** too");
}

TEST(DatabaseUrlTest, UrisAndConnectionStringsAreTold) {
  for (const char* text : {"postgresql://", "postgres://u@h/d", "host=h", "host = 'a b' dbname=d ",
                           "password='it\\'s = here' user=u"}) {
    EXPECT_TRUE(IsDatabaseUrl(text)) << text;
  }
  for (const char* text : {"", "h", "host=h d", "http://h/d?a=b", "=x", "Host=h"}) {
    EXPECT_FALSE(IsDatabaseUrl(text)) << text;
  }
}

TEST(DatabaseUrlTest, NonsenseIsDescribedWithoutHarm) {
  for (const char* text : {"", "=", "'", "postgres://", "postgres://:@", "host='", "%zz", "\\"}) {
    DescribeDatabase(text);
    WithoutPassword("x", text);
  }
}

}  // namespace
}  // namespace millrace
