#include "client/exchange/box_source.h"

#include <charconv>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {

std::int64_t BoxNumber(const Literal& value) {
  const auto* const number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

std::string BoxString(const Literal& value) {
  const auto* const text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : *text;
}

absl::StatusOr<std::int64_t> BoxSql::Number(const std::string& sql, std::vector<Literal> bound) {
  ASSIGN_OR_RETURN(const std::vector<BoxRow> rows, Query(sql, std::move(bound)));
  if (rows.size() != 1 || rows.front().empty())
    return absl::DataLossError("the source's _mirror_datajoin has lost its row: run 'mirror-agent install'");
  return BoxNumber(rows.front().front());
}

std::optional<std::vector<std::string>> BoxKeyParts(const std::string& key, std::size_t count) {
  if (count == 1) return std::vector<std::string>{key};
  const absl::StatusOr<std::vector<Literal>> parts = KeyOfJson(key);
  if (!parts.ok() || parts->size() != count) return std::nullopt;
  std::vector<std::string> texts;
  for (const Literal& part : *parts) {
    if (const auto* const text = std::get_if<std::string>(&part)) {
      texts.push_back(*text);
    } else if (const auto* const number = std::get_if<std::int64_t>(&part)) {
      texts.push_back(absl::StrCat(*number));
    } else {
      return std::nullopt;
    }
  }
  return texts;
}

sqlite::Value BoxText(std::string text) {
  sqlite::Value value;
  value.type = sqlite::Type::kText;
  value.bytes = std::move(text);
  return value;
}

std::optional<sqlite::Value> BoxWholeNumber(const std::string& text) {
  sqlite::Value value;
  value.type = sqlite::Type::kInteger;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value.integer);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

}  // namespace mirror
