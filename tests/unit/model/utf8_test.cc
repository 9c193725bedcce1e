#include "server/model/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace millrace {
namespace {

using std::string_literals::operator""s;

TEST(Utf8Test, TextOfEveryLengthOfCharacterIsPrintable) {
  EXPECT_TRUE(IsPrintableUtf8(""));
  EXPECT_TRUE(IsPrintableUtf8("plain ~"));
  EXPECT_TRUE(IsPrintableUtf8("\u00E4\u20AC\U0001F600"));
  EXPECT_TRUE(IsPrintableUtf8("\U0010FFFF"));
}

TEST(Utf8Test, ControlCharactersAreNotPrintable) {
  for (const std::string& text : {"\0"s, "a\nb"s, "\x1F"s, "\x7F"s, "\u0080"s, "\u009F"s}) {
    EXPECT_FALSE(IsPrintableUtf8(text)) << text;
  }
}

TEST(Utf8Test, MalformedBytesAreNotPrintable) {
  for (const char* text : {"\x80", "\xBF", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3\x28", "\xFE",
                           "\xF5\x80\x80\x80"}) {
    EXPECT_FALSE(IsPrintableUtf8(text));
  }
}

TEST(Utf8Test, OverlongFormsSurrogatesAndTooLargeCodesAreNotPrintable) {
  for (const char* text : {"\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF",
                           "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80"}) {
    EXPECT_FALSE(IsPrintableUtf8(text));
  }
}

TEST(Utf8Test, CleaningKeepsWhatIsGood) {
  EXPECT_EQ(CleanUtf8("line one\nline \u20AC two\t", 100), "line one\nline \u20AC two\t");
}

TEST(Utf8Test, CleaningReplacesWhatNoDatabaseTakes) {
  EXPECT_EQ(CleanUtf8("a\0b"s, 100), "a\uFFFDb");
  EXPECT_EQ(CleanUtf8("a\xFF\xFE", 100), "a\uFFFD\uFFFD");
  EXPECT_EQ(CleanUtf8("\xE2\x82", 100), "\uFFFD\uFFFD");
}

TEST(Utf8Test, CleaningCutsBetweenCharacters) {
  EXPECT_EQ(CleanUtf8("ab\u20AC", 4), "ab");
  EXPECT_EQ(CleanUtf8("ab\u20AC", 5), "ab\u20AC");
  EXPECT_EQ(CleanUtf8("abc", 0), "");
}

}  // namespace
}  // namespace millrace
