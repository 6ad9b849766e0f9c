#include "server/store/sqlite/rows/sqlite_range.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/text_form.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"

namespace mirror {
namespace {

std::string Places(std::size_t first, std::size_t count) {
  std::string places;
  for (std::size_t i = 0; i < count; ++i) absl::StrAppend(&places, i == 0 ? "?" : ", ?", first + i);
  return places;
}

}  // namespace

RangeSelect::RangeSelect(SqliteConnection& connection, const TableSchema& table, const std::string& select,
                         bool in_key_order, const std::string& with)
    : connection_(connection),
      table_(table),
      key_(table.Key()),
      select_(select),
      with_(with),
      in_key_order_(in_key_order) {}

std::string RangeSelect::Sql(const KeyRange& range) const {
  std::string sql = absl::StrCat(with_, "SELECT ", select_, " FROM ", QuoteName(table_.name));
  const std::string key = NameList(table_, key_);
  const char* join = " WHERE (";
  if (const std::string live = LiveRows(table_, ""); !live.empty()) {
    absl::StrAppend(&sql, " WHERE ", live);
    join = " AND (";
  }
  if (!range.first.empty()) {
    absl::StrAppend(&sql, join, key, ") >= (", Places(1, key_.size()), ")");
    join = " AND (";
  }
  if (!range.last.empty()) {
    absl::StrAppend(&sql, join, key, ") < (", Places(1 + key_.size(), key_.size()), ")");
  }
  if (in_key_order_ && !key_.empty()) absl::StrAppend(&sql, " ORDER BY ", key);
  return sql;
}

void RangeSelect::BindKey(sqlite3_stmt* statement, const Key& key, int first) const {
  for (std::size_t i = 0; i < key.size(); ++i) {
    const KeyPart& part = key[i];
    const Column& column = table_.columns[key_[i]];
    const int place = first + static_cast<int>(i);
    if (HasTextForm(column.type)) {
      const std::string text = TextForm(column, part.integer, part.bytes);
      sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
      continue;
    }
    switch (part.kind) {
      case Kind::kInteger:
        sqlite3_bind_int64(statement, place, part.integer);
        break;
      case Kind::kReal:
        sqlite3_bind_double(statement, place, part.real);
        break;
      case Kind::kText:
      case Kind::kRawText:
        sqlite3_bind_text64(statement, place, part.bytes.data(), part.bytes.size(), SQLITE_STATIC,
                            SQLITE_UTF8);
        break;
      case Kind::kBlob:
        sqlite3_bind_blob64(statement, place, part.bytes.data(), part.bytes.size(), SQLITE_STATIC);
        break;
      case Kind::kNull:
        sqlite3_bind_null(statement, place);
        break;
    }
  }
}

absl::Status RangeSelect::Run(const KeyRange& range, const std::function<absl::Status(sqlite3_stmt*)>& take) {
  return Step(Sql(range), range.first, range.last, take);
}

absl::Status RangeSelect::RunOne(const Key& key, const std::string& order,
                                 const std::function<absl::Status(sqlite3_stmt*)>& take) {
  const std::string sql =
      absl::StrCat(with_, "SELECT ", select_, " FROM ", QuoteName(table_.name), " WHERE (",
                   NameList(table_, key_), ") = (", Places(1, key_.size()), ")", AndLive(table_, ""), order);
  return Step(sql, key, {}, take);
}

absl::Status RangeSelect::Step(const std::string& sql, const Key& first, const Key& last,
                               const std::function<absl::Status(sqlite3_stmt*)>& take) {
  ASSIGN_OR_RETURN(sqlite3_stmt* const found, connection_.Statement(sql));
  sqlite3_stmt* const statement = found;
  BindKey(statement, first, 1);
  BindKey(statement, last, 1 + static_cast<int>(key_.size()));
  int code = SQLITE_ROW;
  absl::Status status;
  while (status.ok() && (code = sqlite3_step(statement)) == SQLITE_ROW) status = take(statement);
  if (status.ok() && code != SQLITE_DONE) {
    status = connection_.ToStatus(code, absl::StrCat("reading table '", table_.name, "'"));
  }
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return status;
}

}  // namespace mirror
