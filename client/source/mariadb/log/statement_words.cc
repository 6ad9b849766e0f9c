#include "client/source/mariadb/log/statement_words.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace mirror {
namespace {

/// Of a name without quotes; all signs beyond ASCII may stand in one.
bool IsOfWord(char sign) {
  return absl::ascii_isalnum(static_cast<unsigned char>(sign)) || sign == '_' || sign == '$' ||
         static_cast<std::uint8_t>(sign) >= 0x80;
}

std::string FoldedWord(std::string_view word) {
  return absl::AsciiStrToLower(absl::string_view(word.data(), word.size()));
}

}  // namespace

StatementWords::StatementWords(std::string_view sql) : sql_(sql) {
  for (std::size_t i = 0; i < sql.size();) {
    if (!IsOfWord(sql[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < sql.size() && IsOfWord(sql[i])) ++i;
    words_.push_back(sql.substr(begin, i - begin));
    folded_.insert(FoldedWord(words_.back()));
  }
}

std::string StatementWords::Word(std::size_t place) const {
  return place < words_.size() ? FoldedWord(words_[place]) : "";
}

std::string StatementWords::Quoted() const {
  const std::size_t begin = sql_.find('`');
  return begin == std::string_view::npos ? "`" : FoldedWord(sql_.substr(begin));
}

bool StatementWords::Names(const std::string& name) const {
  // Letters beyond ASCII have cases, too: such a name may be in any statement that has some.
  const bool is_ascii =
      std::all_of(name.begin(), name.end(), [](char sign) { return static_cast<std::uint8_t>(sign) < 0x80; });
  if (!is_ascii) {
    return std::any_of(sql_.begin(), sql_.end(),
                       [](char sign) { return static_cast<std::uint8_t>(sign) >= 0x80; });
  }
  if (std::all_of(name.begin(), name.end(), IsOfWord)) return folded_.contains(FoldedWord(name));
  const std::string text = FoldedWord(sql_), wanted = FoldedWord(name);
  return absl::StrContains(text, wanted) ||
         absl::StrContains(text, absl::StrReplaceAll(wanted, {{"`", "``"}}));
}

bool StatementWords::IsHarmless() const {
  // In a comment that is run there would be signs before the first word.
  if (words_.empty() || words_.front().data() != sql_.data()) return false;
  const std::string first = Word(0), second = Word(1), third = Word(2);
  if (first == "grant" || first == "revoke" || first == "flush") return true;
  if (first == "analyze" || first == "optimize") return second == "table" || second == "tables";
  return (first == "create" || first == "drop") && second == "temporary" &&
         (third == "table" || third == "sequence");
}

std::optional<std::string> StatementWords::Truncates(std::string_view session_database,
                                                     const std::string& database) const {
  if (Word(0) != "truncate") return std::nullopt;
  const std::size_t begin = words_.size() > 2 && Word(1) == "table" ? 2 : 1;
  // Signs between them other than these may make another statement of it.
  // Within quotes they are of one name.
  bool is_quoted = false;
  const bool is_plain = std::all_of(sql_.begin(), sql_.end(), [&is_quoted](char sign) {
    if (sign == '`') is_quoted = !is_quoted;
    if (IsOfWord(sign) || sign == '`') return true;
    return !is_quoted && (sign == ' ' || sign == '.' || sign == '\n' || sign == '\t');
  });
  if (!is_plain) return std::nullopt;
  const auto dots = std::count(sql_.begin(), sql_.end(), '.');
  if (words_.size() == begin + 1 && dots == 0 && session_database == database)
    return std::string(words_[begin]);
  if (words_.size() == begin + 2 && dots == 1 && words_[begin] == database)
    return std::string(words_[begin + 1]);
  return std::nullopt;
}

}  // namespace mirror
