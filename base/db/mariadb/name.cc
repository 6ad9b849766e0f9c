#include "base/db/mariadb/name.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/utf8.h"

namespace mirror::mariadb {
namespace {

std::size_t CharactersOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

absl::StatusOr<std::string> QuotedName(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("MariaDB does not allow an empty name");
  if (name.find('\0') != std::string_view::npos || !IsText(name)) {
    return absl::InvalidArgumentError("a name holds a NUL or is not UTF-8, and MariaDB allows neither");
  }
  if (const std::size_t characters = CharactersOf(name); characters > kNameCharactersMax) {
    return absl::InvalidArgumentError(absl::StrCat("'", std::string(name), "' has ", characters,
                                                   " characters, and MariaDB's limit for a name is ",
                                                   kNameCharactersMax));
  }
  return absl::StrCat("`", absl::StrReplaceAll(std::string(name), {{"`", "``"}}), "`");
}

absl::StatusOr<std::string> QuotedName(std::string_view database, std::string_view name) {
  const absl::StatusOr<std::string> first = QuotedName(database);
  if (!first.ok()) return first;
  const absl::StatusOr<std::string> second = QuotedName(name);
  if (!second.ok()) return second;
  return absl::StrCat(*first, ".", *second);
}

std::string QuotedText(std::string_view text) {
  // The text is written in hexadecimal, so that no quote, backslash or character set can end it early.
  return absl::StrCat("_utf8mb4 X'", absl::BytesToHexString(absl::string_view(text.data(), text.size())),
                      "'");
}

std::string QuotedBytes(std::string_view bytes) {
  return absl::StrCat("X'", absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size())), "'");
}

std::string AccountInSql(std::string_view user, std::string_view host) {
  const auto quoted = [](std::string_view text) {
    std::string word = "'";
    for (const char c : text) {
      if (c == '\'' || c == '\\') word += c;
      word += c;
    }
    return word + "'";
  };
  return host.empty() ? quoted(user) : absl::StrCat(quoted(user), "@", quoted(host));
}

}  // namespace mirror::mariadb
