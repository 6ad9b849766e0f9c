#include "server/store/sqlite/rows/sqlite_stored_row.h"

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/text_form.h"
#include "proto/wire/value_rules.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"

namespace mirror {
namespace {

void AppendAny(sqlite3_value* value, ColumnBuffer* buffer) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      buffer->AppendInt(sqlite3_value_int64(value));
      break;
    case SQLITE_FLOAT:
      buffer->AppendDouble(sqlite3_value_double(value));
      break;
    case SQLITE_TEXT: {
      const std::string_view text = sqlite::TextOf(value);
      buffer->AppendBytes(text, IsText(text) ? Kind::kText : Kind::kRawText);
      break;
    }
    default:
      buffer->AppendBytes(sqlite::BlobOf(value), Kind::kBlob);
  }
}

/// Returns false if the column cannot hold such a value.
bool AppendTextForm(const Column& column, sqlite3_value* value, ColumnBuffer* buffer) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) return false;
  const std::string_view text = sqlite::TextOf(value);
  if (column.type == Type::kUuid) {
    const std::optional<std::string> bytes = ParseUuid(text);
    if (bytes) buffer->AppendBytes(*bytes);
    return bytes.has_value();
  }
  const std::optional<std::int64_t> number = ParseTextForm(column, text);
  if (number) buffer->AppendInt(*number);
  return number.has_value();
}

bool AppendTyped(const Column& column, sqlite3_value* value, ColumnBuffer* buffer) {
  if (HasTextForm(column.type)) return AppendTextForm(column, value, buffer);
  const int type = sqlite3_value_type(value);
  switch (StorageOf(column.type)) {
    case Storage::kInts:
      if (type != SQLITE_INTEGER || !IntRuleOf(column).Holds(sqlite3_value_int64(value))) return false;
      buffer->AppendInt(sqlite3_value_int64(value));
      return true;
    case Storage::kDoubles:
      if (type != SQLITE_FLOAT || !HoldsReal(column.type, sqlite3_value_double(value))) return false;
      buffer->AppendDouble(sqlite3_value_double(value));
      return true;
    case Storage::kBytes: {
      const bool text = column.type != Type::kBytes;
      if (type != (text ? SQLITE_TEXT : SQLITE_BLOB)) return false;
      const std::string_view bytes = text ? sqlite::TextOf(value) : sqlite::BlobOf(value);
      if (column.type == Type::kText && !HoldsText(column, bytes)) return false;
      if (column.type == Type::kDecimal && !IsWrittenAsDecimal(column, bytes)) return false;
      buffer->AppendBytes(bytes);
      return true;
    }
    case Storage::kAny:
      AppendAny(value, buffer);
      return true;
  }
  return false;
}

}  // namespace

absl::Status AppendStoredRow(const TableSchema& table, sqlite3_stmt* row, RowBlock* block) {
  for (std::size_t i = 0; i < block->columns.size(); ++i) {
    ColumnBuffer& buffer = block->columns[i];
    const Column& column = table.columns[buffer.column()];
    // Only this thread uses the connection. So this unprotected value can be read as any other.
    sqlite3_value* const value = sqlite3_column_value(row, static_cast<int>(i));
    if (sqlite3_value_type(value) == SQLITE_NULL) {
      buffer.AppendNull();
    } else if (!AppendTyped(column, value, &buffer)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "table '", table.name, "', column '", column.name, "': the mirror holds a value that is not ",
          std::string(ToString(column.type)),
          ": somebody else wrote it. It was not read. Populate the table again ('mirrorctl invalidate')."));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<RowBlock> ReadRowsByKey(SqliteConnection& connection, const TableSchema& kept,
                                       const std::vector<std::string>& keys, std::uint64_t bytes_max) {
  RowBlock block = RowBlock::ForAll(kept);
  std::string sql = absl::StrCat("SELECT ", NameList(kept, kept.AllColumns()), " FROM ", QuoteName(kept.name),
                                 " WHERE ", NameList(kept, kept.Key()), " = ?1", AndLive(kept, ""));
  ASSIGN_OR_RETURN(sqlite3_stmt* const statement, connection.Statement(sql));
  absl::Status status;
  for (const std::string& key : keys) {
    sqlite3_bind_text64(statement, 1, key.data(), key.size(), SQLITE_STATIC, SQLITE_UTF8);
    int code = SQLITE_ROW;
    while (status.ok() && (code = sqlite3_step(statement)) == SQLITE_ROW) {
      status = AppendStoredRow(kept, statement, &block);
    }
    if (status.ok() && keys.size() > 1 && block.bytes() > bytes_max) status = TooManyBytes(kept, bytes_max);
    if (status.ok() && code != SQLITE_DONE) {
      status = connection.ToStatus(code, absl::StrCat("reading table '", kept.name, "'"));
    }
    sqlite3_reset(statement);
    if (!status.ok()) break;
  }
  sqlite3_clear_bindings(statement);
  if (!status.ok()) return status;
  return block;
}

}  // namespace mirror
