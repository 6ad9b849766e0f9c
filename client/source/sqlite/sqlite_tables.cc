#include "client/source/sqlite/sqlite_tables.h"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/text_check.h"
#include "client/source/steps/row_filter.h"
#include "client/source/steps/row_steps.h"
#include "client/source/widening.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

std::string DeclaredWord(Type type) {
  switch (type) {
    case Type::kInt64:
      return "INTEGER";
    case Type::kDouble:
      return "REAL";
    default:
      return "TEXT";
  }
}

/// Sets those members of SourceTable that report values which do not fit `declared`.
void DescribeWidening(const TableSchema& declared, SourceTable* table) {
  for (std::size_t i = 0; i < declared.columns.size(); ++i) {
    const Column &column = declared.columns[i], &found = table->schema.columns[i];
    const bool is_other = found.nullable != column.nullable || found.key_position != column.key_position;
    NoteWidening(i, {found.type != column.type, is_other}, DeclaredWord(column.type),
                 "such as one of another kind, a text with a NUL, or bytes that are not UTF-8", table);
  }
}

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

/// Checks whether the values of a table fit its declarations.
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

  /// Examines the values. Errors: kUnavailable and the like; other errors are problems of the table.
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
      if (stop == SqliteCursor::Stop::kHeavy) RETURN_IF_ERROR(SeeHeavy(cursor));
      if (file_->access() == Access::kChunks) cursor.Leave();
    }
  }

  /// Returns the schema to announce.
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

constexpr char kHash[] = "_mirror_hash", kMask[] = "_mirror_mask";

Value ValueOf(sqlite3_value* value) {
  Value plain;
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      plain.kind = Kind::kInteger;
      plain.integer = sqlite3_value_int64(value);
      break;
    case SQLITE_FLOAT:
      plain.kind = Kind::kReal;
      plain.real = sqlite3_value_double(value);
      break;
    case SQLITE_TEXT:
      plain.bytes = sqlite::TextOf(value);
      plain.kind = IsText(plain.bytes) ? Kind::kText : Kind::kRawText;
      break;
    case SQLITE_BLOB:
      plain.kind = Kind::kBlob;
      plain.bytes = sqlite::BlobOf(value);
      break;
    default:
      break;
  }
  return plain;
}

void TurnValue(sqlite3_context* context, int count, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  TableSteps::Turn turn{Rule::kHashed, 0};
  if (count == 2) turn = {Rule::kMasked, static_cast<std::uint32_t>(sqlite3_value_int(values[1]))};
  std::string text;
  if (!static_cast<ValueTurner*>(sqlite3_user_data(context))->Turn(turn, ValueOf(values[0]), &text)) {
    sqlite3_result_error(context, "a value could not be hashed", -1);
    return;
  }
  sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

absl::Status SetFilter(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan) {
  const std::string from = absl::StrCat("main.", QuoteName(plan->schema.name));
  const absl::StatusOr<std::set<std::string>> reads =
      CheckExpression(file.handle(), from, plan->schema.name, steps.where);
  if (absl::IsInvalidArgument(reads.status())) {
    return WrongSteps(
        steps, absl::StrCat("table '", steps.table, "': 'where' is not a condition that SQLite understands: ",
                            reads.status().message()));
  }
  if (!reads.ok()) return reads.status();
  plan->filter = AsTerm(steps.where);
  for (const std::string& name : *reads) {
    const std::optional<std::uint32_t> at = plan->schema.Find(name);
    // How a change of such a column affects the result is not known: any change of the row may do so.
    if (!at || plan->generated[*at]) {
      plan->filter_by_any = true;
    } else {
      plan->filter_columns.push_back(*at);
    }
  }
  return absl::OkStatus();
}

}  // namespace

const KnownTable* SqliteTables::Find(const std::string& table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

absl::StatusOr<SourceTable> SqliteTables::LookAt(const std::string& name) {
  SourceTable table;
  ASSIGN_OR_RETURN(SourcePlan planned, PlanInLook(name, &table));
  const auto plan = std::make_shared<const SourcePlan>(std::move(planned));
  table.schema = plan->schema;
  if (!table.problem.empty()) {
    // The table gets its last announcement, if that is known.
    table.schema = Recorded(*plan).value_or(plan->schema);
  } else if (const absl::Status status = CheckTable(plan->schema); !status.ok()) {
    table.problem = std::string(status.message());
  } else if (const auto found = Recorded(*plan)) {
    table.schema = *found;
    table.record = records_[name];
  } else if (const absl::StatusOr<bool> trusts = TrustsTypesOf(name); !trusts.ok()) {
    return trusts.status();
  } else if (*trusts) {
    table.record = MakeRecord(plan->schema, plan->schema);
  } else if (absl::Status scanned = Scan(plan, &table); !scanned.ok()) {
    return scanned;
  }
  DescribeWidening(plan->schema, &table);
  tables_[name] = KnownTable{plan, table.schema};
  return table;
}

absl::StatusOr<SourcePlan> SqliteTables::PlanInLook(const std::string& name, SourceTable* table) const {
  RETURN_IF_ERROR(files_.file()->BeginLook());
  const SourceLook look(*files_.file());
  const auto key = options_.keys.find(FoldName(name));
  absl::StatusOr<SourcePlan> plan =
      PlanSource(*files_.file(), name, key == options_.keys.end() ? std::vector<std::string>() : key->second);
  if (absl::IsInvalidArgument(plan.status())) {
    table->problem = std::string(plan.status().message());
    return PlanSource(*files_.file(), name);
  }
  if (!plan.ok()) return plan;
  ASSIGN_OR_RETURN(SourceObjects objects, ReadObjects(*files_.file(), *plan));
  table->objects = std::move(objects);
  for (const TableSteps& steps : options_.steps) {
    if (!SameName(steps.table, name)) continue;
    const absl::Status applied = ApplySteps(*files_.file(), steps, &*plan);
    if (absl::IsUnavailable(applied)) return applied;
    table->problem = std::string(applied.message());
  }
  return plan;
}

std::optional<TableSchema> SqliteTables::Recorded(const SourcePlan& plan) const {
  const auto record = records_.find(plan.schema.name);
  if (record == records_.end()) return std::nullopt;
  return ApplyRecord(plan.schema, record->second);
}

/// Returns whether the declared types are trusted. A table that was sent before keeps its announcement, so
/// that the mirror need not populate it.
absl::StatusOr<bool> SqliteTables::TrustsTypesOf(const std::string& name) const {
  if (!options_.trusts_types || records_.contains(name)) return false;
  if (options_.log == nullptr) return true;
  const absl::StatusOr<bool> sent = options_.log->WasSent(name);
  return sent.ok() ? absl::StatusOr<bool>(!*sent) : sent;
}

absl::Status SqliteTables::Scan(const std::shared_ptr<const SourcePlan>& plan, SourceTable* table) {
  const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = files_.For(*plan);
  if (!file.ok()) {
    table->problem = std::string(file.status().message());
    return absl::OkStatus();
  }
  const absl::StatusOr<FoundTypes> found = FindTypes(*file, plan);
  if (absl::IsUnavailable(found.status()) || absl::IsAborted(found.status())) return found.status();
  if (!found.ok()) {
    table->problem = std::string(found.status().message());
    return absl::OkStatus();
  }
  table->schema = found->schema;
  if (!found->infinite_column.empty()) {
    table->problem =
        absl::StrCat("column '", found->infinite_column, "' of table '", plan->schema.name,
                     "' holds an infinity, which no mirror can hold: set the value to NULL, or leave ",
                     "the table out with 'skip'");
    return absl::OkStatus();
  }
  table->record = MakeRecord(plan->schema, table->schema);
  records_[plan->schema.name] = table->record;
  return absl::OkStatus();
}

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

absl::Status RegisterTurns(const SqliteFile& file, const TenantHashKey* key) {
  const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC;
  const auto end = [](void* turner) { delete static_cast<ValueTurner*>(turner); };
  for (const auto& [name, count] : {std::pair(kHash, 1), std::pair(kMask, 2)}) {
    auto turner = std::make_unique<ValueTurner>(key);
    // SQLite destroys `turner`, even if it refuses the function.
    if (sqlite3_create_function_v2(file.handle(), name, count, flags, turner.release(), &TurnValue, nullptr,
                                   nullptr, end) != SQLITE_OK) {
      return absl::UnavailableError(absl::StrCat(name, " cannot be registered"));
    }
  }
  return absl::OkStatus();
}

absl::Status ApplySteps(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan) {
  RETURN_IF_ERROR(CheckSteps(plan->schema, steps));
  plan->values.resize(plan->schema.columns.size());
  plan->unsent.resize(plan->schema.columns.size());
  // The expression sees the values of the source.
  const absl::Status filtered = steps.where.empty() ? absl::OkStatus() : SetFilter(file, steps, plan);
  for (std::size_t i = 0; i < plan->schema.columns.size(); ++i) {
    Column& column = plan->schema.columns[i];
    plan->unsent[i] = !steps.Sends(column.name);
    const TableSteps::Turn turn = steps.TurnOf(column.name);
    if (turn.rule == Rule::kPlain) continue;
    plan->values[i] = turn.rule == Rule::kHashed
                          ? absl::StrCat(kHash, "(", QuoteName(column.name), ")")
                          : absl::StrCat(kMask, "(", QuoteName(column.name), ", ", turn.keep, ")");
    TurnToText(&column);
  }
  return filtered;
}

}  // namespace mirror
