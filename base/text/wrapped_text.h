#ifndef MIRROR_BASE_TEXT_WRAPPED_TEXT_H_
#define MIRROR_BASE_TEXT_WRAPPED_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Characters of a line where nobody knows of a terminal's width.
inline constexpr std::size_t kTextWidth = 100;

/// As a terminal counts them: code points, and bytes where a text is not UTF-8.
std::size_t CharactersOf(std::string_view text);

/// Bytes of the first `characters` of a text; all of them where it has fewer.
std::size_t BytesOf(std::string_view text, std::size_t characters);

/// All of a text, or its begin and an ellipsis.
std::string CutTo(std::string_view text, std::size_t characters);

/// What becomes of a word that is longer than a line.
enum class LongWords {
  kWhole,  ///< It stands out: a path is there to be copied.
  kCut,
};

/// `text` in pieces of at most `width` characters, broken at spaces; there is at least one. What stands in
/// single quotes is one word when it has a slash, as paths do, or fits a piece: a command that is quoted is
/// there to be copied, too.
std::vector<std::string> Folded(std::string_view text, std::size_t width, LongWords long_words);

/// How far the further lines of a broken one go in, behind the spaces that it begins with.
inline constexpr std::size_t kHangingIndent = 2;

/// A line of any length as lines of at most `width` characters, without an end of the last one. They go on
/// under the line's text: below its last column where it has columns, which stand two spaces apart, else
/// `indent` behind its begin.
std::string WrappedLine(std::string_view line, std::size_t indent = kHangingIndent,
                        std::size_t width = kTextWidth);

/// The same of each line of a text.
std::string WrappedText(std::string_view text, std::size_t indent = kHangingIndent,
                        std::size_t width = kTextWidth);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_WRAPPED_TEXT_H_
