#include "base/text/wrapped_text.h"

#include <algorithm>

#include "base/utf8.h"

namespace mirror {
namespace {

constexpr std::size_t kGapLeast = 2;  // Least number of spaces between two columns.
// The longest possible path; the search for the end of a quotation stops there.
constexpr std::size_t kQuotationMost = 4'096;
// Bytes of a quoted name of SQL: 64 characters of up to 4 bytes, or 63 doubled quotes.
constexpr std::size_t kNameMost = 258;

bool IsWordCharacter(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         static_cast<unsigned char>(byte) >= 0x80;
}

/// Returns the position after the quotation that begins at `at`; npos: there is none.
std::size_t EndOfQuotation(std::string_view text, std::size_t at) {
  const char quote = text[at];
  if (quote != '\'' && quote != '"' && quote != '`') return std::string_view::npos;
  const std::size_t most = std::min(text.size(), at + (quote == '\'' ? kQuotationMost : kNameMost));
  for (std::size_t end = at + 1; end < most; ++end) {
    if (text[end] == quote && (end + 1 == text.size() || !IsWordCharacter(text[end + 1]))) return end + 1;
  }
  return std::string_view::npos;
}

/// Returns the end of the word that begins at `begin`: at a space, or at the end of the text.
std::size_t EndOfWord(std::string_view text, std::size_t begin, std::size_t width) {
  std::size_t at = begin;
  while (at < text.size() && text[at] != ' ') {
    // A quote after a letter is an apostrophe.
    const bool may_open = at == begin || !IsWordCharacter(text[at - 1]);
    const std::size_t end = may_open ? EndOfQuotation(text, at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      ++at;
      continue;
    }
    // Text in double quotes or backticks may be a name in SQL, which a line break would change.
    const bool whole = text[at] != '\'' || text.substr(at, end - at).find('/') != std::string_view::npos;
    at = whole || CharactersOf(text.substr(begin, end - begin)) <= width ? end : at + 1;
  }
  return at;
}

}  // namespace

std::size_t CharactersOf(std::string_view text) {
  const auto count = CountUtf8(text);
  return count ? count->characters : text.size();
}

std::size_t BytesOf(std::string_view text, std::size_t characters) {
  std::size_t bytes = 0;
  for (; characters > 0 && bytes < text.size(); --characters) {
    bytes += std::max<std::size_t>(1, Utf8CharacterBytes(text.substr(bytes)));
  }
  return bytes;
}

std::string CutTo(std::string_view text, std::size_t characters) {
  if (CharactersOf(text) <= characters) return std::string(text);
  return std::string(text.substr(0, BytesOf(text, characters - 1))) + "…";
}

std::vector<std::string> Folded(std::string_view text, std::size_t width, LongWords long_words) {
  std::vector<std::string> pieces;
  std::size_t begin = 0, end = 0, used = 0;  // The current piece, and the number of its characters.
  while (true) {
    const std::size_t word = text.find_first_not_of(' ', end);
    if (word == std::string_view::npos) break;
    const std::size_t word_end = EndOfWord(text, word, width);
    const std::size_t more = CharactersOf(text.substr(end, word_end - end));
    if (end == begin || used + more <= width) {
      end = word_end;
      used += more;
    } else {
      pieces.emplace_back(text.substr(begin, end - begin));
      begin = word;
      end = word_end;
      used = CharactersOf(text.substr(word, word_end - word));
    }
    for (; long_words == LongWords::kCut && used > width; used -= width) {
      const std::size_t bytes = BytesOf(text.substr(begin), width);
      pieces.emplace_back(text.substr(begin, bytes));
      begin += bytes;
    }
  }
  pieces.emplace_back(text.substr(begin, end - begin));
  return pieces;
}

std::string WrappedLine(std::string_view line, std::size_t indent, std::size_t width) {
  if (line.size() <= width || CharactersOf(line) <= width) return std::string(line);
  // A text that begins further to the right would become a narrow column.
  const std::size_t begin_most = width / 2;
  const std::size_t first = std::min(line.find_first_not_of(' '), line.size());
  std::size_t text = first;
  for (std::size_t at = line.find("  ", first); at != std::string_view::npos; at = line.find("  ", text)) {
    const std::size_t behind = line.find_first_not_of(' ', at + kGapLeast);
    if (behind == std::string_view::npos || CharactersOf(line.substr(0, behind)) > begin_most) break;
    text = behind;
  }
  const std::size_t hanging = text == first ? first + indent : CharactersOf(line.substr(0, text));
  std::string wrapped(line.substr(0, text));
  std::string before;
  for (const std::string& piece : Folded(line.substr(text), width - hanging, LongWords::kWhole)) {
    wrapped += before + piece;
    before = "\n" + std::string(hanging, ' ');
  }
  return wrapped;
}

std::string WrappedText(std::string_view text, std::size_t indent, std::size_t width) {
  std::string wrapped;
  while (true) {
    const std::size_t end = text.find('\n');
    wrapped += WrappedLine(text.substr(0, end), indent, width);
    if (end == std::string_view::npos) return wrapped;
    wrapped += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace mirror
