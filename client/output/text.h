#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::cli {

// `text` with everything that a terminal could take for an order, or that would hide or reorder
// what stands beside it, made visible: control characters and invalid bytes as \n, \t, \r or \x1b,
// invisible and direction-changing characters as \u{202e}. The rest stays as it is. Everything
// that comes from a server or a file goes through it on its way to a terminal.
std::string VisibleText(std::string_view text);

// Columns that visible text takes on a terminal; wide characters take two.
size_t TextWidth(std::string_view text);

// Visible text cut to at most `width` columns, with "…" in place of what was cut.
std::string Shortened(std::string_view text, size_t width);

// JSON text with the same characters written as \u009b, which means the same to its reader: inside
// a document they can only stand in strings.
std::string VisibleJson(std::string_view json);

// `text` as a JSON string in quotes, with the same characters escaped and invalid bytes as U+FFFD.
std::string JsonString(std::string_view text);

}  // namespace millrace::cli
