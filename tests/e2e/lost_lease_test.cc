// What --on-lost-lease promises, each word, in one outage of the database (contract E2, E3).

#include <gmock/gmock.h>

#include <fstream>

#include "tests/e2e/load_fixture.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class LostLeaseTest : public LoadFixture {
 protected:
  bool WaitForRun(const E2eSchema& schema) {
    return Eventually([&] { return !RunsIn(schema).empty(); });
  }
  static std::string Outcomes(E2eSchema& schema) {
    return schema.Query(
        "select string_agg(outcome::text || attempt, ' ' order by recording) from "
        "{schema}.attempt_outcome");
  }
};

TEST_F(LostLeaseTest, WhatHandlersDoInAnOutageLongerThanTheLeaseIsASetting) {
  E2eSchema continuing(cluster_.url()), leaving(cluster_.url()), staying(cluster_.url());
  const auto interrupts = StartServer(schema_);
  const auto continues = StartServer(continuing, {"--on-lost-lease=continue"});
  const auto leaves = StartServer(leaving, {"--on-lost-lease=exit"});
  const auto stays = StartServer(staying, {"--on-lost-lease=exit"});
  for (E2eSchema* schema : {&schema_, &continuing, &staying}) {
    AddJobs(*schema, "gated", 1);
    ASSERT_TRUE(WaitForRun(*schema));
  }
  AddJobs(leaving, "ignoring", 1);
  ASSERT_TRUE(Eventually([&] { return leaving.Count("select count(*) from {schema}.claim") > 0; }));
  cluster_.Freeze();
  // The one whose handler ignores that it is asked: when its lease ends, which is that of all.
  EXPECT_EQ(leaves->WaitForExit(), 5) << leaves->output();
  EXPECT_THAT(leaves->output(), HasSubstr("ignoring of job"));
  ASSERT_TRUE(interrupts->WaitForOutput("1 handlers are asked to stop"));
  // It ends while the database is still away.
  std::ofstream(GateFile(continuing)) << "open";
  cluster_.Thaw();
  ASSERT_TRUE(WaitUntilEnded(continuing, 1)) << continues->output();
  EXPECT_EQ(Outcomes(continuing), "c1");
  EXPECT_THAT(RunsIn(continuing), SizeIs(1));
  // The others were interrupted, which is not counted, and run again.
  for (E2eSchema* schema : {&schema_, &staying}) {
    std::ofstream(GateFile(*schema)) << "open";
    ASSERT_TRUE(WaitUntilEnded(*schema, 1)) << interrupts->output() << stays->output();
    EXPECT_EQ(Outcomes(*schema), "i1 c1");
  }
}

}  // namespace
}  // namespace millrace
