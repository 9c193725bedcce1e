#include "server/model/json_checker.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using std::string_literals::operator""s;

constexpr size_t kDepth = 5;

bool IsGood(const std::string& text) {
  return JsonChecker(text, kDepth).Check(/*must_be_object=*/false);
}

std::string FaultOf(const std::string& text, bool must_be_object = false) {
  JsonChecker checker(text, kDepth);
  EXPECT_FALSE(checker.Check(must_be_object)) << text;
  return checker.fault();
}

TEST(JsonCheckerTest, EveryKindOfValueIsGood) {
  for (const char* text :
       {"{}", "[]", "null", "true", "false", "0", "-0", "1.5", "-12e+3", "1E-2", "\"\"",
        " { \"a\" : [ 1 , { \"b\" : null } ] } \n", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "\"\\ud83d\\ude00\"", "\"\U0001F600\"", "123456789012345678901234567890"}) {
    EXPECT_TRUE(IsGood(text)) << text;
  }
}

TEST(JsonCheckerTest, WhatIsNoJsonIsRefused) {
  for (const char* text : {"",          " ",           "{",
                           "}",         "[",           "[1",
                           "[1,]",      "[,1]",        "{\"a\"}",
                           "{\"a\":}",  "{\"a\":1,}",  "{a:1}",
                           "{'a':1}",   "01",          "+1",
                           "-",         "1.",          ".5",
                           "1e",        "1e+",         "0x10",
                           "nul",       "True",        "NaN",
                           "Infinity",  "\"",          "\"\\x\"",
                           "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"",
                           "1 2",       "{} {}",       "[]]",
                           "1-2",       "1e5x",        "[1 2]",
                           "true1",     "/* a */ {}",  "\xEF\xBB\xBF{}"}) {
    EXPECT_THAT(FaultOf(text), HasSubstr("not valid JSON")) << text;
  }
}

TEST(JsonCheckerTest, NumbersBeyondADoubleAreGood) {
  EXPECT_TRUE(IsGood("[1e309, -1E-400, " + std::string(400, '7') + "]"));
  EXPECT_TRUE(IsGood("{\"1e999999\": \"-\\\"1e999999\"}"));
}

TEST(JsonCheckerTest, NumbersBeyondNumericAreRefused) {
  EXPECT_EQ(FaultOf("{\"a\": 1e131072}"),
            "holds a number that PostgreSQL's numeric cannot (at byte 6)");
  EXPECT_THAT(FaultOf("1e-20000"), HasSubstr("numeric"));
}

TEST(JsonCheckerTest, NothingIsHiddenBehindANumberOutOfRange) {
  EXPECT_FALSE(IsGood("{\"a\": 1e999, garbage"));
  EXPECT_FALSE(IsGood("[1e999"));
  EXPECT_THAT(FaultOf("[1e999999, garbage"), HasSubstr("not valid JSON"));
}

TEST(JsonCheckerTest, NulByteIsRefusedInEveryForm) {
  EXPECT_THAT(FaultOf("{\"a\": \"\\u0000\"}"), HasSubstr("\\u0000"));
  EXPECT_THAT(FaultOf("{\"a\\u0000b\": 1}"), HasSubstr("\\u0000"));
  EXPECT_FALSE(IsGood("\"a\0b\""s));
  EXPECT_FALSE(IsGood("{}\0"s));
}

TEST(JsonCheckerTest, HalfOfASurrogatePairIsRefused) {
  for (const char* text :
       {"\"\\ud83d\"", "\"\\ud83d\\n\"", "\"\\ud83d\\u0041\"", "\"\\ud83d\\ud83d\""}) {
    EXPECT_FALSE(IsGood(text)) << text;
  }
  EXPECT_EQ(FaultOf("\"\\ude00\""), "holds half of a surrogate pair");
}

TEST(JsonCheckerTest, NumbersCountWrittenOut) {
  JsonChecker checker("[1e200, 5]", kDepth);
  ASSERT_TRUE(checker.Check(/*must_be_object=*/false));
  EXPECT_EQ(checker.expanded_bytes(), 210u);
}

TEST(JsonCheckerTest, MalformedUtf8IsRefused) {
  EXPECT_THAT(FaultOf("{\"a\": \"\xFF\"}"), HasSubstr("UTF-8 (at byte 7)"));
  EXPECT_THAT(FaultOf("\"\xED\xA0\x80\""), HasSubstr("UTF-8"));
}

TEST(JsonCheckerTest, NestingIsLimited) {
  EXPECT_TRUE(IsGood("[[[[[1]]]]]"));
  EXPECT_THAT(FaultOf("[[[[[[1]]]]]]"), HasSubstr("nested deeper than 5"));
  EXPECT_THAT(FaultOf(std::string(1'000'000, '[')), HasSubstr("nested deeper than 5"));
}

TEST(JsonCheckerTest, OtherValuesAreRefusedWhereAnObjectMustBe) {
  for (const char* text : {"[]", "1", "\"{}\"", "null"}) {
    EXPECT_EQ(FaultOf(text, /*must_be_object=*/true), "must be a JSON object");
  }
  EXPECT_THAT(FaultOf("[", /*must_be_object=*/true), HasSubstr("not valid JSON"));
}

TEST(JsonCheckerTest, FaultNamesItsPlace) {
  EXPECT_EQ(FaultOf("{\"a\": tru}"), "not valid JSON (at byte 9)");
}

}  // namespace
}  // namespace millrace
