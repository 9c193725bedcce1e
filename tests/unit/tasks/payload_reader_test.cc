#include "tasks/support/payload_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Faults(PayloadReader& payload) { return std::string(payload.Finish().message()); }

TEST(PayloadReaderTest, FieldsAreReadAndDefaultsFillIn) {
  PayloadReader payload(R"({"name": "a", "count": 3, "on": true, "files": ["/a", "/b"]})");
  EXPECT_EQ(payload.RequiredString("name"), "a");
  EXPECT_EQ(payload.RequiredInt("count", 1, 5), 3);
  EXPECT_TRUE(payload.OptionalBool("on", false));
  EXPECT_THAT(payload.RequiredAbsolutePaths("files", 5), ElementsAre("/a", "/b"));
  EXPECT_EQ(payload.OptionalString("other", "fallback"), "fallback");
  EXPECT_EQ(payload.OptionalInt("third", 1, 5, 2), 2);
  EXPECT_TRUE(payload.Finish().ok()) << Faults(payload);
}

TEST(PayloadReaderTest, EveryFaultIsNamedWithItsPath) {
  PayloadReader payload(R"({"name": 7, "count": "3", "on": 1, "files": ["/a", "b", "/a"]})");
  payload.RequiredString("name");
  payload.RequiredInt("count", 1, 5);
  payload.OptionalBool("on", false);
  payload.RequiredAbsolutePaths("files", 5);
  payload.RequiredString("gone");
  const std::string faults = Faults(payload);
  EXPECT_THAT(faults, HasSubstr("payload.name: must be a string, not 7"));
  EXPECT_THAT(faults, HasSubstr("payload.count: must be a whole number from 1 to 5, not \"3\""));
  EXPECT_THAT(faults, HasSubstr("payload.on: must be true or false, not 1"));
  EXPECT_THAT(faults, HasSubstr("payload.files[1]: must be the absolute path"));
  EXPECT_THAT(faults, HasSubstr("payload.files[2]: \"/a\" is named twice"));
  EXPECT_THAT(faults, HasSubstr("payload.gone: must be given"));
}

TEST(PayloadReaderTest, NumbersOutsideTheRangeAreFaults) {
  for (const char* number : {"0", "6", "2.5", "1e300", "-99999999999999999999",
                             "18446744073709551615", "99999999999999999999"}) {
    PayloadReader payload(std::string(R"({"count": )") + number + "}");
    payload.RequiredInt("count", 1, 5);
    EXPECT_FALSE(payload.Finish().ok()) << number;
  }
}

TEST(PayloadReaderTest, FieldThatNobodyAskedForIsAFault) {
  PayloadReader payload(R"({"name": "a", "nmae": "b"})");
  payload.RequiredString("name");
  EXPECT_EQ(Faults(payload), "payload.nmae: is not a field here; these are: name");
}

TEST(PayloadReaderTest, FaultsInListsOfObjectsNameTheElement) {
  PayloadReader payload(R"({"columns": [{"name": "a"}, {"nam": "b"}, 5]})");
  payload.OptionalObjects("columns", 5,
                          [](PayloadReader& column) { column.RequiredString("name"); });
  const std::string faults = Faults(payload);
  EXPECT_THAT(faults, HasSubstr("payload.columns[1].name: must be given"));
  EXPECT_THAT(faults, HasSubstr("payload.columns[1].nam: is not a field"));
  EXPECT_THAT(faults, HasSubstr("payload.columns[2]: must be a JSON object"));
}

TEST(PayloadReaderTest, WhatIsNoObjectIsAFaultOfItsOwn) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "payload: is not valid JSON"},
      {"{\"a\":", "payload: is not valid JSON"},
      {"[]", "payload: must be a JSON object"},
      {"7", "payload: must be a JSON object"},
      {"{\"a\": 1e400}", "payload: holds a number that is beyond the range of a double"}};
  for (const auto& [text, fault] : cases) {
    PayloadReader payload(text);
    EXPECT_EQ(payload.RequiredString("a"), "");
    EXPECT_EQ(Faults(payload), fault) << text;
  }
}

}  // namespace
}  // namespace millrace
