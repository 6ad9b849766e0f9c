#include "client/exchange/datajoin/box_entry.h"

#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/iso_time.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

void BindText(sqlite::Statement& statement, int place, const std::string& text) {
  if (text.empty()) {
    statement.BindNull(place);
  } else {
    statement.Bind(place, std::string_view(text));
  }
}

std::optional<std::string> TextOf(const Literal& value) {
  if (std::holds_alternative<Null>(value)) return std::nullopt;
  if (const auto* const text = std::get_if<std::string>(&value)) return *text;
  if (const auto* const bytes = std::get_if<Bytes>(&value)) {
    return absl::StrCat("\\x", absl::BytesToHexString(bytes->value));
  }
  return ValueJson(value);
}

}  // namespace

absl::Status AddEntry(const SqliteFile& file, std::string_view box, std::int64_t id, const BoxEntry& entry) {
  sqlite::Statement insert = file.Query(absl::StrCat(
      "INSERT INTO main.", std::string(box),
      " (id, object_database, object_table, object_pk_attribute, object_attribute, object_id, object_value, "
      "object_operation, updated_by_server_id, update_datetime, note1, source_id) VALUES (?1, ?2, ?3, ?4, "
      "?5, "
      "?6, ?7, ?8, ?9, ?10, ?11, ?12)"));
  const std::string time = BoxTime(entry.update_ms);
  insert.Bind(1, id);
  BindText(insert, 2, entry.object_database);
  BindText(insert, 3, entry.object_table);
  BindText(insert, 4, entry.object_pk_attribute);
  BindText(insert, 5, entry.object_attribute);
  BindText(insert, 6, entry.object_id);
  if (entry.object_value) {
    insert.Bind(7, std::string_view(*entry.object_value));
  } else {
    insert.BindNull(7);
  }
  BindText(insert, 8, entry.object_operation);
  BindText(insert, 9, entry.updated_by_server_id);
  BindText(insert, 10, time);
  BindText(insert, 11, entry.note);
  BindText(insert, 12, entry.source_id);
  return insert.Run();
}

absl::StatusOr<std::int64_t> HighestEntry(const SqliteFile& file, std::string_view box) {
  return file.Number(absl::StrCat("SELECT coalesce(max(id), 0) FROM main.", std::string(box)));
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
