#include "client/exchange/datajoin/box_entry.h"

#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/iso_time.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

Literal TextOrNull(const std::string& text) { return text.empty() ? Literal(Null{}) : Literal(text); }

std::optional<std::string> TextOf(const Literal& value) {
  if (std::holds_alternative<Null>(value)) return std::nullopt;
  if (const auto* const text = std::get_if<std::string>(&value)) return *text;
  if (const auto* const bytes = std::get_if<Bytes>(&value)) {
    return absl::StrCat("\\x", absl::BytesToHexString(bytes->value));
  }
  return ValueJson(value);
}

}  // namespace

absl::Status AddEntry(BoxSql& sql, std::string_view box, std::int64_t id, const BoxEntry& entry) {
  return sql.Run(
      absl::StrCat("INSERT INTO ", sql.Named(box),
                   " (id, object_database, object_table, object_pk_attribute, object_attribute, object_id, "
                   "object_value, object_operation, updated_by_server_id, update_datetime, note1, source_id) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"),
      {id, TextOrNull(entry.object_database), TextOrNull(entry.object_table),
       TextOrNull(entry.object_pk_attribute), TextOrNull(entry.object_attribute), TextOrNull(entry.object_id),
       entry.object_value ? Literal(*entry.object_value) : Literal(Null{}),
       TextOrNull(entry.object_operation), TextOrNull(entry.updated_by_server_id),
       TextOrNull(BoxTime(entry.update_ms)), TextOrNull(entry.note), TextOrNull(entry.source_id)});
}

absl::StatusOr<std::int64_t> HighestEntry(BoxSql& sql, std::string_view box) {
  return sql.Number(absl::StrCat("SELECT CAST(coalesce(max(id), 0) AS bigint) FROM ", sql.Named(box)));
}

std::optional<std::string> BoxText(const sqlite::Value& value) { return TextOf(ToLiteral(value)); }

std::string BoxId(const RowOf& key) {
  std::vector<Literal> values;
  for (const sqlite::Value& value : key) values.push_back(ToLiteral(value));
  return BoxId(values);
}

std::string BoxId(const std::vector<Literal>& key) {
  return key.size() == 1 ? TextOf(key.front()).value_or("") : KeyJson(key);
}

std::string BoxKeyNames(const MemberTable& table) {
  std::vector<std::string> names;
  for (const std::uint32_t column : table.key) names.push_back(table.plan.schema.columns[column].name);
  return absl::StrJoin(names, ",");
}

std::string BoxTime(std::int64_t unix_ms) {
  if (unix_ms <= 0) return "";
  std::string time = Iso8601(unix_ms).substr(0, 19);
  if (time.size() == 19) time[10] = ' ';
  return time;
}

}  // namespace mirror
