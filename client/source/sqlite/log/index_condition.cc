#include "client/source/sqlite/log/index_condition.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

bool IsOfWord(char sign) {
  const auto byte = static_cast<unsigned char>(sign);
  return absl::ascii_isalnum(byte) || sign == '_' || sign == '$' || byte >= 0x80;
}

bool IsBlank(char sign) { return absl::ascii_isspace(static_cast<unsigned char>(sign)); }

/// A token in double quotes that begins at `at`: its end, and what stands in it.
std::size_t ReadDoubleQuoted(std::string_view sql, std::size_t at, std::string* text) {
  for (++at; at < sql.size(); ++at) {
    if (sql[at] == '"' && (at + 1 == sql.size() || sql[at + 1] != '"')) return at + 1;
    if (sql[at] == '"') ++at;
    *text += sql[at];
  }
  return at;
}

/// The first sign at or behind `at` that is in no comment and no blank; NUL: there is none.
char NextSign(std::string_view sql, std::size_t at) {
  while (at < sql.size()) {
    const std::string_view rest = sql.substr(at);
    if (IsBlank(rest[0])) {
      ++at;
    } else if (rest.starts_with("--") || rest.starts_with("/*")) {
      at = BehindQuoted(sql, at);
    } else {
      return rest[0];
    }
  }
  return '\0';
}

}  // namespace

std::string SingleQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char sign : text) quoted += sign == '\'' ? "''" : std::string(1, sign);
  return quoted + "'";
}

std::size_t BehindQuoted(std::string_view sql, std::size_t at) {
  const std::string_view rest = sql.substr(at);
  std::size_t end = at;
  if (rest.starts_with("--")) {
    end = sql.find('\n', at);
  } else if (rest.starts_with("/*")) {
    end = sql.find("*/", at + 2);
    if (end != std::string_view::npos) ++end;
  } else if (rest[0] == '[') {
    end = sql.find(']', at);
  } else if (rest[0] == '\'' || rest[0] == '"' || rest[0] == '`') {
    end = sql.find(rest[0], at + 1);
  } else {
    return at;
  }
  return end == std::string_view::npos ? sql.size() : end + 1;
}

std::string ConditionOfIndex(std::string_view sql) {
  int depth = 0;
  bool listed = false;
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t behind = BehindQuoted(sql, at); behind != at) {
      at = behind;
      continue;
    }
    if (sql[at] == '(') ++depth;
    if (sql[at] == ')' && --depth == 0) listed = true;
    if (listed && depth == 0 && SameName(sql.substr(at, 5), "WHERE")) return std::string(sql.substr(at + 5));
    ++at;
  }
  return "";
}

std::string PlainCondition(std::string_view condition, const std::vector<std::string>& columns) {
  const auto is_column = [&columns](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(),
                       [&name](const std::string& column) { return SameName(column, name); });
  };
  std::string plain, word;  // The last word without quotes, folded; empty: another sign came behind it.
  for (std::size_t at = 0; at < condition.size();) {
    const char sign = condition[at];
    std::size_t end = at + 1;
    if (sign == '"') {
      std::string text;
      end = ReadDoubleQuoted(condition, at, &text);
      const char next = NextSign(condition, end);
      // The name of a table, a function, a collation or a type is one wherever it stands.
      const bool is_name = next == '.' || next == '(' || word == "." || word == "collate" || word == "as" ||
                           SameName(text, "rowid") || SameName(text, "oid") || SameName(text, "_rowid_") ||
                           is_column(text);
      plain += is_name ? std::string(condition.substr(at, end - at)) : SingleQuoted(text);
      word.clear();
    } else if (IsOfWord(sign)) {
      while (end < condition.size() && IsOfWord(condition[end])) ++end;
      word = FoldName(condition.substr(at, end - at));
      plain += condition.substr(at, end - at);
    } else {
      end = std::max(end, BehindQuoted(condition, at));
      const bool is_comment = end > at + 1 && (sign == '-' || sign == '/');
      if (!IsBlank(sign) && !is_comment) word = sign == '.' ? "." : "";
      plain += condition.substr(at, end - at);
    }
    at = end;
  }
  return plain;
}

}  // namespace mirror
