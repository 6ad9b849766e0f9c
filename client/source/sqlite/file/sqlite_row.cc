#include "client/source/sqlite/file/sqlite_row.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/sqlite/file/text_check.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// Maximum bytes of one row in a batch. What exceeds it in a very wide row is sent in parts, whatever its
/// length.
constexpr std::size_t kRowBytes = 6 << 20;

}  // namespace

RowTaker::RowTaker(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                   const std::vector<std::uint32_t>& columns, std::function<void()> forget)
    : file_(std::move(file)), table_(schema.name), forget_(std::move(forget)) {
  for (const std::uint32_t column : columns) {
    const Column& definition = schema.columns[column];
    fields_.push_back({column, StorageOf(definition.type), definition.nullable, definition.key_position != 0,
                       definition.name});
  }
}

absl::Status RowTaker::Take(sqlite3_value** values, RowBlock* block, LargeSink* sink) {
  row_bytes_ = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    RETURN_IF_ERROR(Append(values[i], fields_[i], &block->columns[i], sink));
  }
  weight_ += row_bytes_;
  return absl::OkStatus();
}

bool RowTaker::Fits(sqlite3_value** values) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    sqlite3_value* const value = values[i];
    const Field& field = fields_[i];
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) {
      if (!field.nullable) return false;
    } else if (type == SQLITE_FLOAT && !std::isfinite(sqlite3_value_double(value))) {
      return false;
    } else if (field.storage != Storage::kAny) {
      const bool fits =
          (type == SQLITE_INTEGER && field.storage == Storage::kInts) ||
          (type == SQLITE_FLOAT && field.storage == Storage::kDoubles) ||
          (type == SQLITE_TEXT && field.storage == Storage::kBytes && IsText(sqlite::TextOf(value)));
      if (!fits) return false;
    }
  }
  return true;
}

/// Returns the error for a value that does not fit. All values are examined before the next announcement.
absl::Status RowTaker::Misfit(const Field& field) const {
  forget_();
  return absl::AbortedError(absl::StrCat("table '", table_, "', column '", field.name,
                                         "': a new value does not fit the type that was announced"));
}

absl::Status RowTaker::Append(sqlite3_value* value, const Field& field, ColumnBuffer* buffer,
                              LargeSink* sink) {
  const bool any = field.storage == Storage::kAny;
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      if (!field.nullable) return Misfit(field);
      buffer->AppendNull();
      row_bytes_ += 1;
      return absl::OkStatus();
    case SQLITE_INTEGER:
      if (field.storage != Storage::kInts && !any) return Misfit(field);
      buffer->AppendInt(sqlite3_value_int64(value));
      row_bytes_ += sizeof(std::int64_t);
      return absl::OkStatus();
    case SQLITE_FLOAT: {
      if (field.storage != Storage::kDoubles && !any) return Misfit(field);
      const double real = sqlite3_value_double(value);
      if (!std::isfinite(real)) return Infinite(field.name);
      buffer->AppendDouble(real);
      row_bytes_ += sizeof(double);
      return absl::OkStatus();
    }
    case SQLITE_TEXT: {
      if (field.storage != Storage::kBytes && !any) return Misfit(field);
      const std::string_view text = sqlite::TextOf(value);
      const bool good = IsText(text);
      if (!good && !any) return Misfit(field);
      AppendBytes(text, good ? Kind::kText : Kind::kRawText, field, buffer, sink);
      return absl::OkStatus();
    }
    default:
      if (!any) return Misfit(field);
      AppendBytes(sqlite::BlobOf(value), Kind::kBlob, field, buffer, sink);
      return absl::OkStatus();
  }
}

void RowTaker::AppendBytes(std::string_view bytes, Kind kind, const Field& field, ColumnBuffer* buffer,
                           LargeSink* sink) {
  if (row_bytes_ + bytes.size() > kRowBytes && !bytes.empty() && !field.in_key) {
    const std::uint64_t id = sink->NewValue();
    deferred_.push_back({buffer->column(), id, std::string(bytes)});
    weight_ += bytes.size();  // It is sent later.
    buffer->AppendLarge(id, bytes.size(), kind);
    return;
  }
  buffer->AppendBytes(bytes, kind);
  row_bytes_ += bytes.size() + 2;
}

absl::Status RowTaker::Infinite(const std::string& column) const {
  return absl::InvalidArgumentError(
      absl::StrCat("table '", table_, "', column '", column,
                   "': an infinity, which no mirror can hold. Nothing of the table is ",
                   "committed; set the value to NULL, or leave the table out with 'skip'"));
}

absl::Status RowTaker::SendDeferred(LargeSink* sink) {
  for (const Deferred& value : deferred_) {
    RETURN_IF_ERROR(sink->Part(value.column, value.value_id, 0, value.bytes));
  }
  deferred_.clear();
  return absl::OkStatus();
}

/// Takes one row column by column, each column in its own look.
absl::Status RowTaker::TakeHeavy(SqliteCursor& cursor, const std::function<absl::Status()>& begin,
                                 RowBlock* block, LargeSink* sink) {
  row_bytes_ = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    RETURN_IF_ERROR(AppendHeavyField(cursor, begin, fields_[i], &block->columns[i], sink));
    RETURN_IF_ERROR(SendDeferred(sink));
  }
  weight_ += row_bytes_;
  return absl::OkStatus();
}

absl::Status RowTaker::AppendHeavyField(SqliteCursor& cursor, const std::function<absl::Status()>& begin,
                                        const Field& field, ColumnBuffer* buffer, LargeSink* sink) {
  SqliteCursor::Heavy heavy;
  {
    RETURN_IF_ERROR(begin());
    const SourceLook look(*file_);
    ASSIGN_OR_RETURN(const bool light, cursor.HeavyValue(field.column, [&](sqlite3_value* value) {
      return Append(value, field, buffer, sink);
    }));
    if (light) return absl::OkStatus();
    ASSIGN_OR_RETURN(heavy, cursor.HeavySize(field.column));
  }
  if (heavy.size > WireLimits{}.value_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", table_, "', column '", field.name, "': a value of ", heavy.size, " bytes; at most ",
        WireLimits{}.value_bytes_max, " are allowed. Leave the table out with 'skip'"));
  }
  const bool any = field.storage == Storage::kAny;
  if (!any && !heavy.text) return Misfit(field);
  const std::uint64_t id = sink->NewValue();
  TextCheck check;
  for (std::uint64_t at = 0; at < heavy.size; at += kPartBytesMax) {
    const std::size_t size = std::min<std::uint64_t>(kPartBytesMax, heavy.size - at);
    std::string piece;
    {
      RETURN_IF_ERROR(begin());
      const SourceLook look(*file_);
      ASSIGN_OR_RETURN(piece, cursor.HeavyPiece(field.column, at, size));
    }
    if (heavy.text) check.Add(piece);
    RETURN_IF_ERROR(sink->Part(buffer->column(), id, at, piece));
  }
  if (heavy.text && !check.Good() && !any) return Misfit(field);
  buffer->AppendLarge(id, heavy.size,
                      !heavy.text    ? Kind::kBlob
                      : check.Good() ? Kind::kText
                                     : Kind::kRawText);
  return absl::OkStatus();
}

}  // namespace mirror
