#include "client/source/mariadb/statement_words.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace mirror {
namespace {

/// Whether a character can be in a name without quotes; all characters beyond ASCII can.
bool IsOfWord(char sign) {
  return absl::ascii_isalnum(static_cast<unsigned char>(sign)) || sign == '_' || sign == '$' ||
         static_cast<std::uint8_t>(sign) >= 0x80;
}

std::string FoldedWord(std::string_view word) {
  return absl::AsciiStrToLower(absl::string_view(word.data(), word.size()));
}

/// Returns the position after leading comments. A comment that the server executes ("/*!40000 ALTER ... */")
/// is part of the statement.
std::size_t BeginOfStatement(std::string_view sql) {
  std::size_t at = 0;
  while (at < sql.size()) {
    const std::string_view rest = sql.substr(at);
    const bool is_run = rest.starts_with("/*!") || rest.starts_with("/*M!");
    std::size_t end = std::string_view::npos;
    if (absl::ascii_isspace(static_cast<unsigned char>(rest[0])) || rest[0] == '(' || rest[0] == ';') {
      end = at + 1;
    } else if (is_run) {
      end = sql.find('!', at) + 1;
      while (end < sql.size() && absl::ascii_isdigit(static_cast<unsigned char>(sql[end]))) ++end;
    } else if (rest.starts_with("/*")) {
      end = sql.find("*/", at + 2);
      if (end != std::string_view::npos) end += 2;
    } else if (rest[0] == '#' || rest.starts_with("--")) {
      end = sql.find('\n', at);
    } else {
      return at;
    }
    at = std::min(end, sql.size());
  }
  return at;
}

bool IsNumber(const std::string& word) {
  return std::all_of(word.begin(), word.end(),
                     [](char sign) { return absl::ascii_isdigit(static_cast<unsigned char>(sign)); });
}

/// Whether CREATE of this object stores its SELECT without running it, or can have none.
bool IsOnlyKept(const std::string& what) {
  static const auto* const kKept = new std::set<std::string>{
      "aggregate", "algorithm", "database",  "definer", "event",  "fulltext", "function",
      "index",     "package",   "procedure", "role",    "schema", "server",   "spatial",
      "sql",       "trigger",   "unique",    "user",    "view"};
  return kKept->contains(what);
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
  const char* const begin = sql.data() + BeginOfStatement(sql);
  while (verb_ < words_.size() && words_[verb_].data() < begin) ++verb_;
}

std::string StatementWords::Word(std::size_t place) const {
  return place < words_.size() ? FoldedWord(words_[place]) : "";
}

std::string StatementWords::Quoted() const {
  const std::size_t begin = sql_.find('`');
  return begin == std::string_view::npos ? "`" : FoldedWord(sql_.substr(begin));
}

bool StatementWords::Names(const std::string& name) const {
  // Letters beyond ASCII have cases, too: any statement with such letters may contain the name.
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
  // An executed comment would have characters before the first word.
  if (words_.empty() || words_.front().data() != sql_.data()) return false;
  const std::string first = Word(0), second = Word(1), third = Word(2);
  if (first == "grant" || first == "revoke" || first == "flush") return true;
  if (first == "analyze" || first == "optimize") return second == "table" || second == "tables";
  const bool is_temporary = second == "temporary" && (third == "table" || third == "sequence");
  return is_temporary && (first == "drop" || (first == "create" && !MayQuery()));
}

/// Returns whether a CREATE TABLE may take rows from a query, or from VALUES that are no bounds of
/// partitions.
bool StatementWords::MayQuery() const {
  constexpr std::string_view kBeforeRows = "(/-#";
  if (folded_.contains("select")) return true;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (Word(i) != "values" && Word(i) != "value") continue;
    // A column of that name is followed by its type, bounds of partitions by LESS or IN. Rows are in
    // parentheses, perhaps after a comment.
    const std::size_t behind = static_cast<std::size_t>(words_[i].data() - sql_.data()) + words_[i].size();
    const std::size_t next = sql_.find_first_not_of(" \t\r\n", behind);
    if (next != std::string_view::npos && kBeforeRows.find(sql_[next]) != std::string_view::npos) return true;
  }
  return false;
}

bool StatementWords::IsDefinition() const {
  static const auto* const kVerbs = new std::set<std::string>{
      "alter", "drop", "flush", "grant", "optimize", "rename", "repair", "revoke", "truncate"};
  const std::string verb = Word(verb_), second = Word(verb_ + 1);
  if (verb == "set") return second == "password" || second == "default";
  if (verb == "analyze")
    return second == "table" || second == "tables" || second == "local" || second == "no_write_to_binlog";
  if (verb != "create") return kVerbs->contains(verb);
  std::size_t place = verb_ + 1;
  while (place < words_.size() && (Word(place) == "or" || Word(place) == "replace" || IsNumber(Word(place))))
    ++place;
  return IsOnlyKept(Word(place)) || !MayQuery();
}

std::optional<std::string> StatementWords::Truncates(std::string_view session_database,
                                                     const std::string& database) const {
  if (Word(0) != "truncate") return std::nullopt;
  const std::size_t begin = words_.size() > 2 && Word(1) == "table" ? 2 : 1;
  // Other characters between the words may make it another statement.
  // Within quotes they are part of a name.
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
