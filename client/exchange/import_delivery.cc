#include "client/exchange/import_delivery.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

/// Rows that hold UNIQUE values which another row is to get.
struct TakenValues {
  std::vector<RowOf> rows;  ///< Keys of rows that hold such a value, each once.
  /// Columns of the task's own row that release its values if they are
  /// temporarily NULL, as indexes in the table's plan. Empty: an index
  /// concerned has no such column, or a foreign key refers to one.
  std::set<std::uint32_t> columns;
};

using Columns = std::vector<std::uint32_t>;

/// Returns the columns of each UNIQUE constraint or index of the table; none for one with an expression.
absl::StatusOr<std::vector<Columns>> UniqueColumns(const SqliteFile& file, const MemberTable& table) {
  sqlite::Statement query = file.Query(
      "SELECT l.seq, i.name FROM temp.pragma_index_list(?1, 'main') AS l JOIN temp.pragma_index_info(l.name, "
      "'main') AS i WHERE l.\"unique\" = 1 AND l.partial = 0 AND l.origin <> 'pk' ORDER BY l.seq, i.seqno");
  query.With(table.name());
  std::map<std::int64_t, Columns> by_index;
  std::set<std::int64_t> unknown;
  RETURN_IF_ERROR(ForEachRow(query, [&] {
    const std::int64_t index = query.Int(0);
    const std::vector<Column>& columns = table.plan.schema.columns;
    const std::string name = query.IsNull(1) ? "" : query.Text(1);
    const auto column = std::find_if(columns.begin(), columns.end(),
                                     [&](const Column& one) { return SameName(one.name, name); });
    if (name.empty() || column == columns.end()) {
      unknown.insert(index);
    } else {
      by_index[index].push_back(static_cast<std::uint32_t>(column - columns.begin()));
    }
  }));
  std::vector<Columns> found;
  for (auto& [index, columns] : by_index) {
    if (!unknown.contains(index)) found.push_back(std::move(columns));
  }
  return found;
}

/// Returns whether a foreign key refers to one of these columns. A
/// temporary NULL would be passed on to the rows that refer to it.
absl::StatusOr<bool> IsReferredTo(const SqliteFile& file, const MemberTable& table,
                                  const std::set<std::uint32_t>& columns) {
  sqlite::Statement query = file.Query(
      "SELECT f.\"to\" FROM main.sqlite_schema AS m JOIN temp.pragma_foreign_key_list(m.name, "
      "'main') AS f WHERE m.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE AND f.\"to\" IS NOT "
      "NULL");
  query.With(table.name());
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    const std::string to = query.Text(0);
    for (const std::uint32_t column : columns) {
      if (SameName(table.plan.schema.columns[column].name, to)) return true;
    }
  }
  return row;
}

/// Returns keys of other rows that have, in these columns, the values that the task's row is to get.
absl::StatusOr<std::vector<RowOf>> RowsWith(const SqliteFile& file, const DeliveryTask& task,
                                            const Columns& columns) {
  const MemberTable& table = *task.table;
  const std::string name = absl::StrCat("main.", QuoteName(table.name()));
  const auto quoted = [&](std::uint32_t column) { return QuoteName(table.plan.schema.columns[column].name); };
  const int parts = static_cast<int>(task.key.size());
  std::vector<std::string> key, terms;
  for (const std::uint32_t column : table.key) key.push_back(quoted(column));
  std::vector<const sqlite::Value*> bound;
  for (const std::uint32_t column : columns) {
    const auto written = std::find_if(task.written.begin(), task.written.end(),
                                      [&](const auto& one) { return one.first == column; });
    if (written == task.written.end()) {
      terms.push_back(absl::StrCat("o.", quoted(column), " = (SELECT ", quoted(column), " FROM ", name,
                                   " WHERE ", table.KeyIs(1), ")"));
    } else {
      bound.push_back(&written->second);
      terms.push_back(absl::StrCat("o.", quoted(column), " = ?", parts + static_cast<int>(bound.size())));
    }
  }
  sqlite::Statement query =
      file.Query(absl::StrCat("SELECT ", absl::StrJoin(key, ", "), " FROM ", name, " AS o WHERE ",
                              absl::StrJoin(terms, " AND "), " AND NOT (", table.KeyIs(1), ")"));
  int place = 0;
  for (const sqlite::Value& part : task.key) query.Bind(++place, part);
  for (const sqlite::Value* const value : bound) query.Bind(++place, *value);
  std::vector<RowOf> rows;
  RETURN_IF_ERROR(ForEachRow(query, [&] {
    RowOf& found = rows.emplace_back();
    for (int i = 0; i < parts; ++i) found.push_back(query.ValueAt(i));
  }));
  return rows;
}

/// In a change: checks the UNIQUE constraints and indexes that an UPDATE writes,
/// except those with a condition or an expression. Errors: those of SqliteFile.
absl::StatusOr<TakenValues> FindTaken(const SqliteFile& file, const DeliveryTask& task) {
  ASSIGN_OR_RETURN(const std::vector<Columns> indexes, UniqueColumns(file, *task.table));
  std::map<std::string, RowOf> rows;
  TakenValues taken;
  bool lets_go = true;
  for (const Columns& columns : indexes) {
    const bool is_written = std::any_of(columns.begin(), columns.end(), [&](std::uint32_t column) {
      return std::any_of(task.written.begin(), task.written.end(),
                         [&](const auto& one) { return one.first == column; });
    });
    if (!is_written) continue;
    ASSIGN_OR_RETURN(std::vector<RowOf> found, RowsWith(file, task, columns));
    if (found.empty()) continue;
    for (RowOf& row : found) rows.try_emplace(KeyText(row), std::move(row));
    bool is_freed = false;
    for (const auto& [column, value] : task.written) {
      const Column& written = task.table->plan.schema.columns[column];
      const bool is_of_index = std::find(columns.begin(), columns.end(), column) != columns.end();
      if (!is_of_index || !written.nullable || written.key_position != 0) continue;
      taken.columns.insert(column);
      is_freed = true;
    }
    lets_go = lets_go && is_freed;
  }
  if (!lets_go) taken.columns.clear();
  ASSIGN_OR_RETURN(const bool is_referred_to, IsReferredTo(file, *task.table, taken.columns));
  if (is_referred_to) taken.columns.clear();
  for (auto& [text, row] : rows) taken.rows.push_back(std::move(row));
  return taken;
}

/// In a change: sets these columns of the task's row to NULL. Errors: also a rejection by the database.
absl::Status SetToNull(const SqliteFile& file, const DeliveryTask& task,
                       const std::set<std::uint32_t>& columns) {
  const MemberTable& table = *task.table;
  std::vector<std::string> sets;
  for (const std::uint32_t column : columns) {
    sets.push_back(absl::StrCat(QuoteName(table.plan.schema.columns[column].name), " = NULL"));
  }
  sqlite::Statement update =
      file.Query(absl::StrCat("UPDATE OR ABORT main.", QuoteName(table.name()), " SET ",
                              absl::StrJoin(sets, ", "), " WHERE ", table.KeyIs(1)));
  int place = 0;
  for (const sqlite::Value& part : task.key) update.Bind(++place, part);
  return update.Run();
}

constexpr char kSavepoint[] = "_mirror_import";
/// SQLite's message for a violated foreign key.
constexpr char kForeignKeyWords[] = "FOREIGN KEY constraint failed";
/// Maximum of rows in a swap, and of deliveries in one run that are tried as a swap.
constexpr int kSwapsMax = 8;
constexpr int kSwapLooksMax = 100;

bool IsRow(const ChangedRow& changed, const MemberTable* table, const RowOf& key) {
  return changed.table == table && KeyText(changed.key) == KeyText(key);
}

/// Adds the rows that are not in `rows` yet.
void AddRows(const std::vector<ChangedRow>& more, std::vector<ChangedRow>* rows) {
  for (const ChangedRow& one : more) {
    const auto known = std::find_if(rows->begin(), rows->end(),
                                    [&](const ChangedRow& row) { return IsRow(row, one.table, one.key); });
    if (known == rows->end()) {
      rows->push_back(one);
    } else {
      known->whole = known->whole || one.whole;
      known->columns.insert(one.columns.begin(), one.columns.end());
    }
  }
}

}  // namespace

std::optional<ImportResult> FindTried(const std::optional<LedgerState>& known, std::int64_t now_ms) {
  if (known && known->applied) return ImportResult{v1::DELIVERY_OUTCOME_ALREADY};
  if (!known || now_ms >= known->next_at) return std::nullopt;
  return ImportResult{v1::DELIVERY_OUTCOME_LATER,
                      "the delivery was refused before, and its next attempt is not due yet"};
}

absl::StatusOr<std::unique_ptr<Importer>> Importer::Open(const std::string& path, ExchangeRules rules,
                                                         Clock clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteFile> file, SqliteFile::Open(path, Use::kChange));
  RETURN_IF_ERROR(CheckExchangeTables(*file));
  file->TakeLongValues();
  // The application's foreign key actions apply to our writes, too.
  RETURN_IF_ERROR(file->Run("PRAGMA foreign_keys = ON"));
  return std::unique_ptr<Importer>(new Importer(std::move(file), std::move(rules), std::move(clock)));
}

absl::StatusOr<ImportResult> Importer::Import(const v1::Delivery& delivery) {
  // Before the transaction, so that a scan of all rows does not block the source's writers.
  RETURN_IF_ERROR(MakeSets(delivery));
  ended_by_.clear();
  absl::StatusOr<ImportResult> result = ImportResult{};
  absl::Status done = file_->Change([&] {
    result = DoAndTell(delivery);
    if (result.ok()) CrashPoint("agent.importing");
    return result.status();
  });
  if (!ended_by_.empty()) {
    done = file_->Change([&] {
      absl::Status begun = Begin();
      result = begun.ok() ? Refuse(delivery, ended_by_) : begun;
      if (!result.ok()) return result.status();
      absl::Status removed = RemoveFromInbox(*file_, delivery.delivery_id());
      return removed.ok() ? Tell(delivery, *result) : removed;
    });
  }
  if (!done.ok()) return done;
  CrashPoint("agent.imported");
  return result;
}

absl::Status Importer::Refresh() {
  const absl::StatusOr<bool> other = tables_.Refresh();
  if (other.ok() && *other) sets_.clear();
  return other.status();
}

absl::Status Importer::MakeSets(const v1::Delivery& delivery) {
  if (delivery.operation() != v1::OPERATION_INSERT) return absl::OkStatus();
  RETURN_IF_ERROR(Refresh());
  for (const v1::MatchKey& key : delivery.absent()) {
    ASSIGN_OR_RETURN(const MemberTable* const table, tables_.Find(key.table()));
    MatchRule rule;
    if (!MakeMatchRule(key, table, &rule).empty()) continue;
    RETURN_IF_ERROR(SetOf(*table, rule).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<MatchSet*> Importer::SetOf(const MemberTable& table, const MatchRule& rule) {
  const std::pair name(table.log, rule);
  const auto known = sets_.find(name);
  if (known != sets_.end()) return &known->second;
  ASSIGN_OR_RETURN(MatchSet made, MatchSet::Make(*file_, table, rule));
  return &sets_.emplace(name, std::move(made)).first->second;
}

absl::StatusOr<ImportResult> Importer::DoAndTell(const v1::Delivery& delivery) {
  RETURN_IF_ERROR(Begin());
  absl::StatusOr<ImportResult> result = Do(delivery);
  if (!result.ok()) return result;
  RETURN_IF_ERROR(Tell(delivery, *result));
  return result;
}

absl::Status Importer::Begin() { return layout_ == nullptr ? absl::OkStatus() : layout_->Importing(); }

absl::Status Importer::Tell(const v1::Delivery& delivery, const ImportResult& result) {
  return layout_ == nullptr ? absl::OkStatus() : layout_->Imported(delivery, result, clock_());
}

absl::StatusOr<ImportResult> Importer::Do(const v1::Delivery& delivery) {
  RETURN_IF_ERROR(Refresh());
  RETURN_IF_ERROR(RemoveFromInbox(*file_, delivery.delivery_id()));
  ASSIGN_OR_RETURN(const std::optional<LedgerState> known, FindInLedger(*file_, delivery.delivery_id()));
  const std::optional<ImportResult> tried = FindTried(known, clock_());
  // A delivery for which another one waits is tried together with it, before its own time.
  if (tried && (known->applied || swaps_ == 0)) return *tried;
  ASSIGN_OR_RETURN(const MemberTable* const table, tables_.Find(delivery.table()));
  DeliveryTask task;
  if (std::string why = MakeTask(delivery, table, rules_, &task); !why.empty()) {
    return Refuse(delivery, std::move(why));
  }
  return DoTask(task);
}

absl::StatusOr<ImportResult> Importer::DoTask(const DeliveryTask& task) {
  const MemberTable& table = *task.table;
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    ASSIGN_OR_RETURN(std::optional<ImportResult> in_the_way, FindInTheWay(task));
    return in_the_way ? absl::StatusOr<ImportResult>(*std::move(in_the_way)) : Write(task, {});
  }
  ASSIGN_OR_RETURN(const std::optional<RowOf> before, ReadRow(*file_, table, task.key, task.mapped));
  if (std::string why = WhyNotAsKnown(*task.delivery, before); !why.empty()) {
    return Conflict(table, task.key, before ? NotedRow::kStands : NotedRow::kGone, std::move(why));
  }
  return Write(task, *before);
}

absl::StatusOr<std::optional<ImportResult>> Importer::FindInTheWay(const DeliveryTask& task) {
  const auto as_found =
      [](absl::StatusOr<ImportResult> result) -> absl::StatusOr<std::optional<ImportResult>> {
    if (!result.ok()) return result.status();
    return std::optional<ImportResult>(*std::move(result));
  };
  for (const v1::MatchKey& key : task.delivery->absent()) {
    ASSIGN_OR_RETURN(const MemberTable* const table, tables_.Find(key.table()));
    MatchRule rule;
    // If the table cannot be searched, a matching row might exist.
    if (std::string why = MakeMatchRule(key, table, &rule); !why.empty()) {
      return as_found(Refuse(*task.delivery, std::move(why)));
    }
    const std::vector<std::string> values(key.values().begin(), key.values().end());
    if (std::any_of(values.begin(), values.end(), [](const std::string& one) { return one.empty(); }))
      continue;
    ASSIGN_OR_RETURN(MatchSet* const set, SetOf(*table, rule));
    RETURN_IF_ERROR(set->CatchUp());
    ASSIGN_OR_RETURN(const std::optional<RowOf> found, set->Find(values));
    if (found) return as_found(Conflict(*table, *found, NotedRow::kStands, "a matching row exists already"));
  }
  if (task.key.empty()) return std::optional<ImportResult>();
  ASSIGN_OR_RETURN(const std::optional<RowOf> taken, ReadRow(*file_, *task.table, task.key, {}));
  if (!taken) return std::optional<ImportResult>();
  return as_found(Refuse(*task.delivery, "a row with this key exists already and belongs to another record"));
}

absl::StatusOr<ImportResult> Importer::Write(const DeliveryTask& task, const RowOf& before) {
  RETURN_IF_ERROR(file_->Run(absl::StrCat("SAVEPOINT ", kSavepoint)));
  return WriteRow(task, before, nullptr);
}

absl::StatusOr<ImportResult> Importer::WriteRow(const DeliveryTask& task, const RowOf& before,
                                                const std::vector<ChangedRow>* swapped) {
  absl::StatusOr<sqlite::Statement> statement = PrepareTask(*file_, task);
  if (!statement.ok()) {
    // A trigger may also need a function that only the application has.
    const absl::StatusOr<std::string> why = LastReason();
    return why.ok() ? TakeBack(*task.delivery, *why) : why.status();
  }
  const LogEntries entries(*file_);
  RowOf key = task.key;
  bool there = false;
  int code = sqlite3_step(statement->get());
  for (; code == SQLITE_ROW; code = sqlite3_step(statement->get())) {
    key.clear();
    there = true;
    for (int i = 0; i < statement->columns(); ++i) key.push_back(statement->ValueAt(i));
  }
  if (code != SQLITE_DONE) {
    const bool is_taken = sqlite3_extended_errcode(file_->handle()) == SQLITE_CONSTRAINT_UNIQUE;
    const absl::StatusOr<std::string> why = LastReason();
    statement->Reset();
    if (!why.ok()) return why.status();
    const bool is_update = task.delivery->operation() == v1::OPERATION_UPDATE;
    return is_taken && is_update && swapped == nullptr ? Swap(task, before, *why)
                                                       : TakeBack(*task.delivery, *why);
  }
  if (task.delivery->operation() != v1::OPERATION_INSERT) there = sqlite3_changes(file_->handle()) == 1;
  statement->Reset();
  int unkept = 0, unused = 0;
  sqlite3_db_status(file_->handle(), SQLITE_DBSTATUS_DEFERRED_FKS, &unkept, &unused, 0);
  if (unkept != 0)
    return TakeBack(*task.delivery, absl::StrCat("the database refused it: ", kForeignKeyWords));
  if (!there) return TakeBack(*task.delivery, "a trigger of the source prevented the change");
  CrashPoint("agent.row_written");
  ASSIGN_OR_RETURN(std::vector<ChangedRow> others, entries.Rows(tables_));
  if (swapped != nullptr) AddRows(*swapped, &others);
  return NoteApplied(task, key, before, others);
}

/// Applies a delivery whose values other rows have, together with the deliveries that change these other
/// rows, all in this transaction. Meanwhile the delivery's own row has NULL in place of its old values. The
/// savepoint is open.
absl::StatusOr<ImportResult> Importer::Swap(const DeliveryTask& task, const RowOf& before,
                                            const std::string& why) {
  if (sqlite3_get_autocommit(file_->handle()) != 0 || swaps_ >= kSwapsMax || ++swap_looks_ > kSwapLooksMax)
    return TakeBack(*task.delivery, why);
  RETURN_IF_ERROR(file_->Run(absl::StrCat("ROLLBACK TO ", kSavepoint)));
  ASSIGN_OR_RETURN(const TakenValues taken, FindTaken(*file_, task));
  if (!inbox_) {
    ASSIGN_OR_RETURN(InboxRows inbox, InboxRows::Read(*file_));
    inbox_.emplace(std::move(inbox));
  }
  ASSIGN_OR_RETURN(const std::vector<v1::Delivery> others, inbox_->Find(task.delivery->table(), taken.rows));
  if (taken.columns.empty() || others.size() < taken.rows.size()) return TakeBack(*task.delivery, why);
  std::vector<ChangedRow> changed;
  {
    const LogEntries entries(*file_);
    // No delivery asks for this NULL. If the database rejects it, the delivery keeps its own reason.
    if (!SetToNull(*file_, task, taken.columns).ok()) return TakeBack(*task.delivery, why);
    ASSIGN_OR_RETURN(changed, entries.Rows(tables_));
    // A trigger wrote to other rows because of a NULL that nobody sent.
    for (const ChangedRow& row : changed) {
      if (!IsRow(row, task.table, task.key)) return TakeBack(*task.delivery, why);
    }
  }
  for (const v1::Delivery& other : others) {
    ++swaps_;
    const absl::StatusOr<ImportResult> result = Do(other);
    --swaps_;
    if (!result.ok()) return result;
    if (result->outcome != v1::DELIVERY_OUTCOME_APPLIED) return TakeBack(*task.delivery, why);
    RETURN_IF_ERROR(Tell(other, *result));
  }
  return WriteRow(task, before, &changed);
}

absl::StatusOr<ImportResult> Importer::NoteApplied(const DeliveryTask& task, const RowOf& key,
                                                   const RowOf& before,
                                                   const std::vector<ChangedRow>& others) {
  LedgerRow row;
  row.delivery_id = task.delivery->delivery_id();
  row.operation = OperationName(task.delivery->operation());
  row.table_name = task.table->sent_name;
  row.key = KeyText(key);
  row.at = clock_();
  if (task.delivery->operation() != v1::OPERATION_DELETE) {
    ASSIGN_OR_RETURN(const std::optional<RowOf> behind, ReadRow(*file_, *task.table, key, task.mapped));
    if (!behind) return TakeBack(*task.delivery, "a trigger of the source gives the row another key");
    row.wrote = WroteJson(WroteOf(task, before, *behind));
  }
  ASSIGN_OR_RETURN(const std::string unmirrored, FindUnmirrored(task, key, others));
  if (!unmirrored.empty()) return TakeBack(*task.delivery, unmirrored);
  RETURN_IF_ERROR(WriteLedger(*file_, row));
  RETURN_IF_ERROR(NoteOthers(task, key, others));
  RETURN_IF_ERROR(file_->Run(absl::StrCat("RELEASE ", kSavepoint)));
  return ImportResult{v1::DELIVERY_OUTCOME_APPLIED};
}

absl::StatusOr<std::string> Importer::FindUnmirrored(const DeliveryTask& task, const RowOf& own,
                                                     const std::vector<ChangedRow>& others) const {
  const auto find = [&](const MemberTable& table, const RowOf& key) -> absl::StatusOr<std::string> {
    const absl::StatusOr<std::string> column = FindInfinity(*file_, table, key);
    if (!column.ok() || column->empty()) return column;
    return absl::StrCat("column '", *column, "' of table '", table.name(),
                        "' would hold an infinity, which no mirror can hold");
  };
  absl::StatusOr<std::string> why = std::string();
  if (task.delivery->operation() != v1::OPERATION_DELETE) why = find(*task.table, own);
  for (const ChangedRow& changed : others) {
    if (!why.ok() || !why->empty()) return why;
    why = find(*changed.table, changed.key);
  }
  return why;
}

absl::Status Importer::NoteOthers(const DeliveryTask& task, const RowOf& own,
                                  const std::vector<ChangedRow>& rows) {
  int number = 0;
  for (const ChangedRow& changed : rows) {
    const bool is_own = IsRow(changed, task.table, own);
    // Entries of the ledger are not caused by the statement.
    if (is_own || changed.table->name() == kLedgerTable) continue;
    std::vector<std::uint32_t> columns = changed.table->PlainColumns();
    if (!changed.whole) {
      // Other columns may have changes of other writers, which the hub has not received yet.
      std::erase_if(columns, [&](std::uint32_t column) { return changed.columns.count(column) == 0; });
      if (columns.empty()) continue;
    }
    ASSIGN_OR_RETURN(const std::optional<RowOf> now, ReadRow(*file_, *changed.table, changed.key, columns));
    LedgerRow row;
    row.delivery_id = absl::StrCat(task.delivery->delivery_id(), "/", ++number);
    row.operation = !now ? "DELETE" : changed.whole ? "INSERT" : "UPDATE";
    row.table_name = changed.table->sent_name;
    row.key = KeyText(changed.key);
    row.at = clock_();
    Wrote wrote;
    for (std::size_t i = 0; now && i < columns.size(); ++i) {
      wrote[changed.table->SentColumn(columns[i])].result = ToLiteral((*now)[i]);
    }
    if (now) row.wrote = WroteJson(wrote);
    RETURN_IF_ERROR(WriteLedger(*file_, row));
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> Importer::TakeBack(const v1::Delivery& delivery, const std::string& reason) {
  if (sqlite3_get_autocommit(file_->handle()) != 0) {
    // RAISE(ROLLBACK): the whole transaction is rolled back, so the result needs one of its own.
    ended_by_ = reason;
    return absl::CancelledError(reason);
  }
  const absl::Status back = file_->Run(absl::StrCat("ROLLBACK TO ", kSavepoint, "; RELEASE ", kSavepoint));
  return back.ok() ? Refuse(delivery, reason) : back;
}

absl::StatusOr<ImportResult> Importer::Refuse(const v1::Delivery& delivery, std::string reason) {
  ASSIGN_OR_RETURN(const std::optional<LedgerState> known, FindInLedger(*file_, delivery.delivery_id()));
  const LedgerRow row = RefusedRow(delivery, known, reason, clock_());
  RETURN_IF_ERROR(WriteLedger(*file_, row));
  return ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(reason)};
}

absl::StatusOr<ImportResult> Importer::Conflict(const MemberTable& table, const RowOf& key, NotedRow row,
                                                std::string reason) {
  RETURN_IF_ERROR(NoteInLog(*file_, table, key, row));
  return ImportResult{v1::DELIVERY_OUTCOME_CONFLICT, std::move(reason)};
}

absl::StatusOr<std::string> Importer::LastReason() const {
  const int code = sqlite3_extended_errcode(file_->handle());
  std::string words = sqlite3_errmsg(file_->handle());
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT: {
      if (code != SQLITE_CONSTRAINT_TRIGGER) break;
      // SQLite gives ON DELETE RESTRICT and ON UPDATE RESTRICT this code, too.
      if (words == kForeignKeyWords) break;
      // The message may contain values of the row.
      ASSIGN_OR_RETURN(const bool plain, IsTextOfTrigger(words));
      if (!plain) return "a trigger of the source refused the change";
      break;
    }
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR:
      break;
    default:
      return file_->Error(code, "importing a delivery");
  }
  return absl::StrCat("the database refused it: ", words);
}

absl::StatusOr<bool> Importer::IsTextOfTrigger(const std::string& words) const {
  return file_
      ->Query(
          "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND (instr(sql, '''' || replace(?1, "
          "'''', '''''') || '''') > 0 OR instr(sql, '\"' || ?1 || '\"') > 0)")
      .With(words)
      .Step();
}

}  // namespace mirror
