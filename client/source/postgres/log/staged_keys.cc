#include "client/source/postgres/log/staged_keys.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "client/source/postgres/log/text_values.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

/// "2024-05-01T12:30:00.500000Z" as "2024-05-01 12:30:00.5+00".
std::string AsWritten(std::string text, bool is_tz) {
  std::replace(text.begin(), text.end(), 'T', ' ');
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return is_tz ? absl::StrCat(text, "+00") : text;
}

std::string TextOf(const PostgresColumn& column, const Column& announced, const KeyPart& part) {
  std::string text = TextOfKeyPart(announced, part);
  const PostgresValueForm form = FormOf(column, announced);
  const bool is_moment = form == PostgresValueForm::kTimestamp || form == PostgresValueForm::kTime;
  if (!is_moment || part.kind != Kind::kInteger) return text;
  return AsWritten(std::move(text), static_cast<postgres::Type>(column.type) == postgres::Type::kTimestamptz);
}

}  // namespace

std::optional<Key> KeyOfStaged(const PostgresTable& table, const TableSchema& schema, const StagedKey& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  const std::vector<std::string> texts = UnpackStagedKey(key);
  if (texts.size() != columns.size() || schema.columns.size() != table.columns.size()) return std::nullopt;
  PostgresTextValues values;
  Key parts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const PostgresTextColumn column = TextColumnOf(table.columns[columns[i]], schema.columns[columns[i]]);
    const std::optional<Value> value = values.Decode(column, texts[i]);
    if (!value) return std::nullopt;
    parts.push_back(KeyPartOf(*value));
  }
  return parts;
}

StagedKey StagedKeyOf(const PostgresTable& table, const TableSchema& schema, const Key& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < columns.size() && i < key.size(); ++i)
    texts.push_back(TextOf(table.columns[columns[i]], schema.columns[columns[i]], key[i]));
  return PackStagedKey(texts);
}

}  // namespace mirror
