#include "base/db/postgres/name.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace mirror::postgres {
namespace {

/// Checks a text that becomes part of SQL. `what`: what it is, such as "a name", for the error.
absl::Status CheckText(std::string_view text, const char* what) {
  if (text.find('\0') == std::string_view::npos && IsText(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " holds a NUL or is not UTF-8, and PostgreSQL allows neither"));
}

}  // namespace

absl::Status CheckName(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("PostgreSQL does not allow an empty name");
  if (name.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("'", std::string(name), "' has ", name.size(),
                                                   " bytes, and PostgreSQL's limit for a name is ",
                                                   kNameBytesMax));
  }
  return CheckText(name, "a name");
}

absl::StatusOr<std::string> QuotedName(std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return absl::StrCat("\"", absl::StrReplaceAll(std::string(name), {{"\"", "\"\""}}), "\"");
}

absl::StatusOr<std::string> QuotedName(std::string_view schema, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string first, QuotedName(schema));
  ASSIGN_OR_RETURN(const std::string second, QuotedName(name));
  return absl::StrCat(first, ".", second);
}

absl::StatusOr<std::string> QuotedText(std::string_view text) {
  RETURN_IF_ERROR(CheckText(text, "a text"));
  // E'…' has the same meaning for every value of standard_conforming_strings.
  const bool escapes = text.find('\\') != std::string_view::npos;
  return absl::StrCat(escapes ? "E'" : "'",
                      absl::StrReplaceAll(std::string(text), {{"'", "''"}, {"\\", "\\\\"}}), "'");
}

absl::StatusOr<std::string> DollarQuoted(std::string_view text) {
  RETURN_IF_ERROR(CheckText(text, "a text"));
  std::string quoted(text), tag = "$mirror$";
  // The tag must not occur before the end of the text.
  while (absl::StrCat(quoted, tag).find(tag) != quoted.size()) tag.insert(1, "_");
  return absl::StrCat(tag, quoted, tag);
}

}  // namespace mirror::postgres
