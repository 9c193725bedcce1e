#include "client/output/json_object.h"

#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

TEST(JsonObjectTest, WritesMembersInTheirOrderOnOneLine) {
  EXPECT_EQ(JsonObject().Add("b", "x\ny").Add("a", 7).AddBool("c", true).AddNull("d").Text(),
            R"({"b":"x\ny","a":7,"c":true,"d":null})");
}

TEST(JsonObjectTest, WritesAnEmptyObject) { EXPECT_EQ(JsonObject().Text(), "{}"); }

TEST(JsonObjectTest, WritesLargeNumbersExactly) {
  EXPECT_EQ(JsonObject()
                .Add("id", (int64_t{1} << 53) - 1)
                .AddUnsigned("sequence", 18446744073709551615U)
                .Text(),
            R"({"id":9007199254740991,"sequence":18446744073709551615})");
}

TEST(JsonObjectTest, PassesJsonOnDigitByDigit) {
  EXPECT_EQ(
      JsonObject()
          .AddJson("payload", R"({"n": 0.10000000000000000000001, "b": 12345678901234567890123})")
          .Text(),
      R"({"payload":{"n": 0.10000000000000000000001, "b": 12345678901234567890123}})");
}

TEST(JsonObjectTest, WritesWhatIsNoJsonAsAString) {
  EXPECT_EQ(JsonObject().AddJson("payload", R"({"a":)").Text(), R"({"payload":"{\"a\":"})");
}

TEST(JsonObjectTest, KeepsJsonThatStandsOnSeveralLinesOnOne) {
  EXPECT_EQ(JsonObject().AddJson("payload", "{\n}").Text(), R"({"payload":"{\n}"})");
}

TEST(JsonObjectTest, WritesEmptyJsonAndUnsetTimesAsNull) {
  EXPECT_EQ(JsonObject().AddJson("metadata", "").Add("at", std::optional<absl::Time>()).Text(),
            R"({"metadata":null,"at":null})");
}

TEST(JsonObjectTest, WritesTimesAndDurations) {
  EXPECT_EQ(JsonObject()
                .Add("at", std::optional(absl::FromUnixMillis(1'720'000'000'250)))
                .Add("took", absl::Milliseconds(1250))
                .Text(),
            R"({"at":"2024-07-03T09:46:40.25Z","took":1.25})");
}

TEST(JsonObjectTest, NestsObjectsAndLists) {
  const JsonObject inner = JsonObject().Add("a", 1);
  EXPECT_EQ(JsonObject()
                .AddObject("one", inner)
                .AddObjects("many", {inner, inner})
                .Add("flags", std::vector<std::string>{"x", "\"y\""})
                .Text(),
            R"({"one":{"a":1},"many":[{"a":1},{"a":1}],"flags":["x","\"y\""]})");
}

}  // namespace
}  // namespace millrace::cli
