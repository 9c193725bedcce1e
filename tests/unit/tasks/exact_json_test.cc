#include "tasks/support/exact_json.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

TEST(ExactJsonTest, NumbersStayAsTheyAreWritten) {
  EXPECT_EQ(ExactJsonMember(R"({"body": [19.90, 1e3, -0.0, 123456789012345678901234567890, -7]})",
                            "body"),
            "[19.90,1e3,-0.0,123456789012345678901234567890,-7]");
}

TEST(ExactJsonTest, NestedValuesKeepTheirShape) {
  EXPECT_EQ(
      ExactJsonMember(
          R"({"a": {"body": 1}, "body": {"x": [], "y": [{}, [1, {"z": null}], true], "": "ü"}, "b": 2})",
          "body"),
      R"({"x":[],"y":[{},[1,{"z":null}],true],"":"ü"})");
}

TEST(ExactJsonTest, StringsAreEscapedAnew) {
  EXPECT_EQ(ExactJsonMember(R"({"body": "a\"b\\\n\u00e9,[{:"})", "body"), R"("a\"b\\\né,[{:")");
  EXPECT_EQ(ExactJsonMember(R"({"body": ["[", "{", ":"]})", "body"), R"(["[","{",":"])");
}

TEST(ExactJsonTest, SimpleValuesAreMembersToo) {
  EXPECT_EQ(ExactJsonMember(R"({"body": null})", "body"), "null");
  EXPECT_EQ(ExactJsonMember(R"({"body": false, "c": [1]})", "body"), "false");
}

TEST(ExactJsonTest, OfANameThatComesTwiceTheLastCounts) {
  EXPECT_EQ(ExactJsonMember(R"({"body": 1, "b": 3, "body": [2]})", "body"), "[2]");
}

TEST(ExactJsonTest, NothingWithoutObjectOrMember) {
  for (const char* text : {"", "[1]", "7", R"({"other": {"body": 1}})", R"({"body": )"}) {
    EXPECT_FALSE(ExactJsonMember(text, "body").has_value()) << text;
  }
}

}  // namespace
}  // namespace millrace
