#include "server/model/json_number.h"

#include <string>

#include "gtest/gtest.h"

namespace millrace {
namespace {

bool Fits(const std::string& text) {
  const auto number = JsonNumber::Read(text);
  EXPECT_TRUE(number.has_value()) << text;
  return number && number->FitsNumeric();
}

TEST(JsonNumberTest, ReadsTheGrammarOfRfc8259) {
  for (const char* text :
       {"0", "-0", "7", "-120", "0.5", "-1.50", "1e5", "1E+05", "0e-0", "12.25e-3"}) {
    EXPECT_TRUE(JsonNumber::Read(text).has_value()) << text;
  }
  for (const char* text : {"", "-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "1-2",
                           "1.2.3", "--1", "1e5x", " 1", "1 "}) {
    EXPECT_FALSE(JsonNumber::Read(text).has_value()) << text;
  }
}

TEST(JsonNumberTest, FitsNumericAsPostgresDoes) {
  EXPECT_TRUE(Fits("1e131071"));
  EXPECT_FALSE(Fits("1e131072"));
  EXPECT_TRUE(Fits("0.001e131074"));
  EXPECT_FALSE(Fits("0.001e131075"));
  EXPECT_TRUE(Fits(std::string(131'072, '9')));
  EXPECT_FALSE(Fits(std::string(131'073, '9')));
  EXPECT_TRUE(Fits("1e-16383"));
  EXPECT_FALSE(Fits("1e-16384"));
  EXPECT_FALSE(Fits("0.1e-16383"));
  EXPECT_TRUE(Fits("0e200000"));
  EXPECT_FALSE(Fits("0e99999999999999999999"));
}

TEST(JsonNumberTest, CountsTheDigitsThatAnExponentStandsFor) {
  EXPECT_EQ(JsonNumber::Read("1e200")->digits_of_exponent(), 200u);
  EXPECT_EQ(JsonNumber::Read("1e-200")->digits_of_exponent(), 200u);
  EXPECT_EQ(JsonNumber::Read("12345")->digits_of_exponent(), 0u);
  EXPECT_EQ(JsonNumber::Read("1e99999999999999999999")->digits_of_exponent(), 1'000'000'000u);
}

}  // namespace
}  // namespace millrace
