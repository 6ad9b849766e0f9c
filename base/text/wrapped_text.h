#ifndef MIRROR_BASE_TEXT_WRAPPED_TEXT_H_
#define MIRROR_BASE_TEXT_WRAPPED_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Characters in a line if the terminal's width is unknown.
inline constexpr std::size_t kTextWidth = 100;

/// Returns the number of characters as a terminal counts them: code points, or bytes if the text is not
/// UTF-8.
std::size_t CharactersOf(std::string_view text);

/// Returns the size in bytes of the first `characters` characters of a text, or of the whole text if it has
/// fewer.
std::size_t BytesOf(std::string_view text, std::size_t characters);

/// Returns the text if it has at most `characters` characters, otherwise its start with an ellipsis.
std::string CutTo(std::string_view text, std::size_t characters);

/// Treatment of a word that is longer than a line.
enum class LongWords {
  kWhole,  ///< The word stays whole and exceeds the line, because users copy paths.
  kCut,
};

/// Splits `text` at spaces into pieces of at most `width` characters. There is at least one piece. Text in
/// single quotes is treated as one word if it contains a slash, as paths do, or if it fits into a piece:
/// users copy quoted commands, too.
std::vector<std::string> Folded(std::string_view text, std::size_t width, LongWords long_words);

/// Indent of the continuation lines, in addition to the line's own leading spaces.
inline constexpr std::size_t kHangingIndent = 2;

/// Breaks a line into lines of at most `width` characters; the last one has no line end. Continuation lines
/// are aligned with the line's text: below its last column if it has columns, which are two spaces apart,
/// otherwise `indent` after its start.
std::string WrappedLine(std::string_view line, std::size_t indent = kHangingIndent,
                        std::size_t width = kTextWidth);

/// Wraps each line of a text.
std::string WrappedText(std::string_view text, std::size_t indent = kHangingIndent,
                        std::size_t width = kTextWidth);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_WRAPPED_TEXT_H_
