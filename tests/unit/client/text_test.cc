#include "client/output/text.h"

#include "gtest/gtest.h"

namespace millrace::cli {
namespace {

TEST(VisibleTextTest, KeepsPrintableTextInAnyLanguage) {
  EXPECT_EQ(VisibleText("Grüße, 世界 🎉 \\n"), "Grüße, 世界 🎉 \\n");
}

TEST(VisibleTextTest, ShowsControlCharactersInsteadOfSendingThem) {
  EXPECT_EQ(VisibleText("a\x1b[31mb\nc\td\re\x07"
                        "f\x7f"),
            "a\\x1b[31mb\\nc\\td\\re\\x07f\\x7f");
}

TEST(VisibleTextTest, ShowsControlCharactersOfTheSecondRow) {
  // U+009B is an escape sequence in one character.
  EXPECT_EQ(VisibleText("\xc2\x9b"
                        "31m"),
            "\\x9b31m");
}

TEST(VisibleTextTest, ShowsCharactersThatTurnTheDirectionOrHide) {
  EXPECT_EQ(VisibleText("a\u202eb\u200bc\u2066d"), "a\\u{202e}b\\u{200b}c\\u{2066}d");
}

TEST(VisibleTextTest, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(VisibleText("\xff\xc0\x80 \xed\xa0\x80 \xe4\xb8"),
            "\\xff\\xc0\\x80 \\xed\\xa0\\x80 \\xe4\\xb8");
}

TEST(TextWidthTest, CountsWideCharactersTwiceAndCombiningOnesNot) {
  EXPECT_EQ(TextWidth("abc"), 3U);
  EXPECT_EQ(TextWidth("世界"), 4U);
  EXPECT_EQ(TextWidth("e\u0301"), 1U);
}

TEST(ShortenedTest, KeepsWhatFits) { EXPECT_EQ(Shortened("abcdef", 6), "abcdef"); }

TEST(ShortenedTest, PutsAnEllipsisInPlaceOfTheRest) {
  EXPECT_EQ(Shortened("abcdefg", 6), "abcde…");
  EXPECT_EQ(Shortened("abcdefg", 1), "…");
  EXPECT_EQ(Shortened("abcdefg", 0), "");
}

TEST(ShortenedTest, NeverCutsACharacterInTwo) {
  EXPECT_EQ(Shortened("世界世界", 6), "世界…");
  EXPECT_EQ(Shortened("世界世界", 4), "世…");
}

TEST(JsonStringTest, EscapesWhatAStringMustNotHold) {
  EXPECT_EQ(JsonString("a\"b\\c\nd\x1b"
                       "e"),
            R"("a\"b\\c\nd\u001be")");
}

TEST(JsonStringTest, EscapesControlCharactersThatJsonWouldAllow) {
  EXPECT_EQ(JsonString("\x7f\xc2\x9b"), R"("\u007f\u009b")");
}

TEST(JsonStringTest, EscapesCharactersThatHideOrTurnTheDirection) {
  EXPECT_EQ(JsonString("\u202e\U000e0041"), R"("\u202e\udb40\udc41")");
}

TEST(JsonStringTest, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(JsonString("a\xff"), "\"a\xEF\xBF\xBD\"");
}

TEST(VisibleJsonTest, EscapesControlCharactersWithinStrings) {
  EXPECT_EQ(VisibleJson("{\"a\":\t\"\xc2\x9bx\x7f\u202e\"}"),
            "{\"a\":\t\"\\u009bx\\u007f\\u202e\"}");
}

}  // namespace
}  // namespace millrace::cli
