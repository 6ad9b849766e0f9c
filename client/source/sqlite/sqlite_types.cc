#include "client/source/sqlite/sqlite_types.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/text_check.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

void Widen(Column* column) {
  const Affinity affinity = column->type == Type::kInt64    ? Affinity::kInteger
                            : column->type == Type::kDouble ? Affinity::kReal
                                                            : Affinity::kText;
  if (column->type != Type::kAny) column->affinity = affinity;
  column->type = Type::kAny;
}
void DropKey(TableSchema* schema) {
  for (Column& column : schema->columns) {
    if (column.key_position == 0) continue;
    column.key_position = 0;
    column.nullable = true;
  }
}

/// Finds out whether the values of a table keep what its declarations promise.
class TypeScan {
 public:
  TypeScan(std::shared_ptr<const SqliteFile> file, std::shared_ptr<const SourcePlan> plan)
      : file_(std::move(file)),
        plan_(std::move(plan)),
        misfit_(plan_->schema.columns.size(), false),
        null_(plan_->schema.columns.size(), false) {
    for (std::uint32_t i = 0; i < plan_->schema.columns.size(); ++i) {
      const Column& column = plan_->schema.columns[i];
      const bool may_surprise = column.type != Type::kAny || !column.nullable;
      const bool sent = plan_->unsent.empty() || !plan_->unsent[i];
      if (may_surprise && sent) columns_.push_back(i);
    }
  }

  /// Errors: kUnavailable and the like; others are the table's own problem.
  absl::Status Run() {
    if (columns_.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(SqliteCursor cursor, SqliteCursor::Open(file_, plan_, plan_->steady_order, columns_));
    for (;;) {
      RETURN_IF_ERROR(file_->BeginLook());
      const SourceLook look(*file_);
      std::size_t rows = 0;
      ASSIGN_OR_RETURN(const auto stop, cursor.Take([&](sqlite3_value** values) {
        for (std::size_t i = 0; i < columns_.size(); ++i) See(values[i], columns_[i]);
        return ++rows < file_->look_rows() || !cursor.can_leave();
      }));
      if (stop == SqliteCursor::Stop::kEnd) return absl::OkStatus();
      if (stop == SqliteCursor::Stop::kHeavy) {
        RETURN_IF_ERROR(SeeHeavy(cursor));
      }
      if (file_->access() == Access::kChunks) cursor.Leave();
    }
  }

  /// What the table is announced as.
  TableSchema Found() const {
    TableSchema schema = plan_->schema;
    bool key_is_null = false;
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      Column& column = schema.columns[i];
      if (misfit_[i]) Widen(&column);
      if (null_[i] && column.key_position != 0) key_is_null = true;
      if (null_[i]) column.nullable = true;
    }
    if (key_is_null) DropKey(&schema);
    return schema;
  }
  const std::string& infinite_column() const { return infinite_column_; }

 private:
  void See(sqlite3_value* value, std::uint32_t column) {
    const Type type = plan_->schema.columns[column].type;
    switch (sqlite3_value_type(value)) {
      case SQLITE_NULL:
        null_[column] = true;
        return;
      case SQLITE_INTEGER:
        if (type != Type::kInt64) misfit_[column] = true;
        return;
      case SQLITE_FLOAT:
        if (type != Type::kDouble) misfit_[column] = true;
        if (!std::isfinite(sqlite3_value_double(value))) {
          infinite_column_ = plan_->schema.columns[column].name;
        }
        return;
      case SQLITE_TEXT:
        if (type != Type::kText || (!misfit_[column] && !IsText(sqlite::TextOf(value))))
          misfit_[column] = true;
        return;
      default:
        misfit_[column] = true;
    }
  }

  absl::Status SeeHeavy(SqliteCursor& cursor) {
    for (const std::uint32_t column : columns_) {
      ASSIGN_OR_RETURN(const bool light, cursor.HeavyValue(column, [&](sqlite3_value* value) {
        See(value, column);
        return absl::OkStatus();
      }));
      if (light) continue;
      ASSIGN_OR_RETURN(const auto heavy, cursor.HeavySize(column));
      if (!heavy.text || plan_->schema.columns[column].type != Type::kText) {
        misfit_[column] = true;
        continue;
      }
      TextCheck check;
      for (std::uint64_t at = 0; at < heavy.size; at += kPartBytesMax) {
        ASSIGN_OR_RETURN(
            const auto piece,
            cursor.HeavyPiece(column, at, std::min<std::uint64_t>(kPartBytesMax, heavy.size - at)));
        check.Add(piece);
      }
      if (!check.Good()) misfit_[column] = true;
    }
    return absl::OkStatus();
  }

  std::shared_ptr<const SqliteFile> file_;
  std::shared_ptr<const SourcePlan> plan_;
  std::vector<bool> misfit_, null_;
  std::vector<std::uint32_t> columns_;
  std::string infinite_column_;
};

}  // namespace

absl::StatusOr<FoundTypes> FindTypes(const std::shared_ptr<const SqliteFile>& file,
                                     const std::shared_ptr<const SourcePlan>& plan) {
  TypeScan scan(file, plan);
  RETURN_IF_ERROR(scan.Run());
  return FoundTypes{scan.Found(), scan.infinite_column()};
}

std::string MakeRecord(const TableSchema& declared, const TableSchema& found) {
  std::string record = SchemaHash(declared) + ":";
  for (std::size_t i = 0; i < declared.columns.size(); ++i) {
    const bool widened = found.columns[i].type != declared.columns[i].type;
    const bool null = found.columns[i].nullable && !declared.columns[i].nullable;
    record += widened ? (null ? 'A' : 'a') : (null ? 'D' : 'd');
  }
  return record + (found.Key().empty() ? 'n' : 'k');
}

std::optional<TableSchema> ApplyRecord(const TableSchema& declared, const std::string& record) {
  const std::string prefix = SchemaHash(declared) + ":";
  if (record.size() != prefix.size() + declared.columns.size() + 1 || record.rfind(prefix, 0) != 0) {
    return std::nullopt;
  }
  TableSchema schema = declared;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const char letter = record[prefix.size() + i];
    if (letter == 'a' || letter == 'A') Widen(&schema.columns[i]);
    if (letter == 'A' || letter == 'D') schema.columns[i].nullable = true;
  }
  if (record.back() == 'n') DropKey(&schema);
  return schema;
}

}  // namespace mirror
