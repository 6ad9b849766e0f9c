#include "client/source/sqlite/sqlite_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/value.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_row.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/log/net_changes.h"
#include "client/source/sqlite/source_files.h"
#include "client/source/sqlite/sqlite_column_look.h"
#include "client/source/sqlite/sqlite_digests.h"
#include "client/source/sqlite/sqlite_looks.h"
#include "client/source/sqlite/sqlite_tables.h"
#include "client/source/table_choice.h"
#include "proto/wire/key_range.h"

namespace mirror {
namespace {

/// With this number of keys or more, one pass over the table counts as cheaper than one pass for each key.
constexpr std::size_t kKeysForScan = 4;

/// Gives what KeyRows gives, in one pass over the table. `cursor`: over `columns`, in any order; if it cannot
/// pause, `file` must not block writers. If rows share a key, the first one counts.
class KeyScan : public ChangeReader {
 public:
  KeyScan(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
          const std::vector<std::uint32_t>& columns, SqliteCursor cursor, TableLooks looks,
          std::vector<Key> keys, std::function<void()> forget)
      : file_(std::move(file)),
        schema_(schema),
        columns_(columns),
        key_(schema_.Key()),
        cursor_(std::move(cursor)),
        looks_(std::move(looks)),
        taker_(file_, schema_, columns_, std::move(forget)) {
    for (Key& key : keys) wanted_.insert(std::move(key));
    for (const std::uint32_t column : key_) {
      const auto found = std::find(columns_.begin(), columns_.end(), column);
      key_at_.push_back(static_cast<std::size_t>(found - columns_.begin()));
    }
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    RowBlock deletes = RowBlock::For(schema_, key_), rows = RowBlock::For(schema_, columns_);
    taker_.ResetWeight();
    while (!end_ && taker_.weight() < size.bytes && rows.rows() < size.rows) {
      RETURN_IF_ERROR(OneLook(size, &rows, sink));
      // Only after all locks are released.
      RETURN_IF_ERROR(taker_.SendDeferred(sink));
      if (!std::exchange(heavy_, false)) continue;
      RETURN_IF_ERROR(TakeHeavy(&rows, sink));
    }
    // The keys that remain have no row.
    while (end_ && !wanted_.empty() && rows.rows() + deletes.rows() < size.rows) {
      AppendKey(*wanted_.begin(), &deletes);
      wanted_.erase(wanted_.begin());
    }
    ChangePiece piece;
    piece.last = end_ && wanted_.empty();
    if (deletes.rows() > 0) piece.blocks.push_back({Operation::kDelete, std::move(deletes)});
    if (rows.rows() > 0) piece.blocks.push_back({Operation::kInsert, std::move(rows)});
    return piece;
  }

 private:
  absl::Status OneLook(const BlockSize& size, RowBlock* rows, LargeSink* sink) {
    RETURN_IF_ERROR(looks_.Begin());
    const SourceLook look(*file_);
    const bool in_chunks = looks_.in_chunks() && cursor_.can_leave();
    std::size_t seen = 0;
    absl::Status taken;
    ASSIGN_OR_RETURN(const SqliteCursor::Stop stop, cursor_.Take([&](sqlite3_value** values) {
      Key key;
      for (const std::size_t at : key_at_) {
        sqlite::Value value;
        value.Keep(values[at]);
        key.push_back(ToKeyPart(value));
      }
      if (wanted_.erase(key) > 0) taken = taker_.Take(values, rows, sink);
      return taken.ok() && !wanted_.empty() && taker_.weight() < size.bytes && rows->rows() < size.rows &&
             (!in_chunks || ++seen < looks_.rows());
    }));
    if (!taken.ok()) return taken;
    heavy_ = stop == SqliteCursor::Stop::kHeavy;
    end_ = stop == SqliteCursor::Stop::kEnd || (wanted_.empty() && !heavy_);
    if (in_chunks || end_) cursor_.Leave();
    return stop == SqliteCursor::Stop::kEnd ? looks_.CheckEnd() : absl::OkStatus();
  }

  absl::Status TakeHeavy(RowBlock* rows, LargeSink* sink) {
    Key key;
    for (const std::uint32_t column : key_) {
      RETURN_IF_ERROR(looks_.Begin());
      const SourceLook look(*file_);
      ASSIGN_OR_RETURN(const bool given, cursor_.HeavyValue(column, [&](sqlite3_value* value) {
        sqlite::Value part;
        part.Keep(value);
        key.push_back(ToKeyPart(part));
        return absl::OkStatus();
      }));
      if (!given) return absl::OkStatus();  // The key was not requested.
    }
    if (wanted_.erase(key) == 0) return absl::OkStatus();
    return taker_.TakeHeavy(
        cursor_, [this] { return looks_.Begin(); }, rows, sink);
  }

  std::shared_ptr<const SqliteFile> file_;
  const TableSchema schema_;
  const std::vector<std::uint32_t> columns_, key_;
  std::vector<std::size_t> key_at_;  ///< Places of the key's columns in a row.
  SqliteCursor cursor_;
  TableLooks looks_;
  RowTaker taker_;
  std::set<Key> wanted_;
  bool heavy_ = false;  ///< The cursor is at a row that must be read column by column.
  bool end_ = false;
};

/// Returns whether no index finds the rows of a key, so that each key takes a pass over the table.
absl::StatusOr<bool> FindsKeysByScan(const SqliteFile& file, const SourcePlan& plan,
                                     const TableSchema& schema) {
  constexpr int kDetail = 3;
  std::vector<std::string> terms;
  for (const std::uint32_t column : schema.Key()) {
    terms.push_back(absl::StrCat(QuoteName(schema.columns[column].name), " = ?"));
  }
  ASSIGN_OR_RETURN(sqlite::Statement steps,
                   file.Prepare(absl::StrCat("EXPLAIN QUERY PLAN SELECT *",
                                             plan.FromWhere(absl::StrJoin(terms, " AND ")))));
  steps.SetDoing("reading its plans");
  absl::StatusOr<bool> row = steps.Step();
  for (; row.ok() && *row; row = steps.Step()) {
    if (steps.View(kDetail).starts_with("SCAN ")) return true;
  }
  return row;
}

/// Does SourceReader::RowsOf(). `begin`: begins a look. `cursor`: is over `columns`, and its order is the
/// key.
class KeyRows : public ChangeReader {
 public:
  KeyRows(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
          const std::vector<std::uint32_t>& columns, SqliteCursor cursor, std::function<absl::Status()> begin,
          std::vector<Key> keys, std::function<void()> forget)
      : file_(std::move(file)),
        schema_(schema),
        columns_(columns),
        key_(schema_.Key()),
        cursor_(std::move(cursor)),
        begin_(std::move(begin)),
        keys_(std::move(keys)),
        taker_(file_, schema_, columns_, std::move(forget)) {}

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    RETURN_IF_ERROR(Prepare());
    RowBlock deletes = RowBlock::For(schema_, key_), rows = RowBlock::For(schema_, columns_);
    taker_.ResetWeight();
    while (next_ < keys_.size() && taker_.weight() < size.bytes && rows.rows() + deletes.rows() < size.rows) {
      RETURN_IF_ERROR(OneLook(size, &rows, &deletes, sink));
      // Only after all locks are released.
      RETURN_IF_ERROR(taker_.SendDeferred(sink));
      if (!std::exchange(heavy_, false)) continue;
      RETURN_IF_ERROR(taker_.TakeHeavy(cursor_, begin_, &rows, sink));
    }
    ChangePiece piece;
    piece.last = next_ == keys_.size();
    if (deletes.rows() > 0) piece.blocks.push_back({Operation::kDelete, std::move(deletes)});
    if (rows.rows() > 0) piece.blocks.push_back({Operation::kInsert, std::move(rows)});
    return piece;
  }

 private:
  absl::Status Prepare() {
    if (select_.get() != nullptr) return absl::OkStatus();
    std::vector<std::string> names, terms;
    for (const std::uint32_t column : columns_) names.push_back(cursor_.plan().ValueOf(column));
    for (std::size_t i = 0; i < key_.size(); ++i) {
      // The first term finds the row by its index. The second one excludes rows whose keys are only equal by
      // the source's collation.
      const std::string name = QuoteName(schema_.columns[key_[i]].name);
      terms.push_back(absl::StrCat(name, " = ?", i + 1, " AND ", name, " COLLATE BINARY = ?", i + 1));
    }
    ASSIGN_OR_RETURN(select_,
                     file_->Prepare(absl::StrCat("SELECT ", absl::StrJoin(names, ", "),
                                                 cursor_.plan().FromWhere(absl::StrJoin(terms, " AND ")))));
    return absl::OkStatus();
  }

  absl::Status OneLook(const BlockSize& size, RowBlock* rows, RowBlock* deletes, LargeSink* sink) {
    RETURN_IF_ERROR(begin_());
    const SourceLook look(*file_);
    absl::Status status;
    for (std::size_t taken = 0; status.ok() && !heavy_ && next_ < keys_.size() && taken < kLookRows &&
                                taker_.weight() < size.bytes && rows->rows() + deletes->rows() < size.rows;
         ++taken, ++next_) {
      status = TakeKey(keys_[next_], rows, deletes, sink);
    }
    select_.Reset();
    return status;
  }

  absl::Status TakeKey(const Key& key, RowBlock* rows, RowBlock* deletes, LargeSink* sink) {
    std::vector<sqlite::Value> values = FromKey(key);
    for (std::size_t i = 0; i < values.size(); ++i) values[i].Bind(select_.get(), static_cast<int>(i + 1));
    const int code = sqlite3_step(select_.get());
    absl::Status status;
    if (code == SQLITE_ROW) {
      status = taker_.Take(values_.Of(select_.get()), rows, sink);
    } else if (code == SQLITE_DONE) {
      AppendKey(key, deletes);
    } else if (code == SQLITE_TOOBIG) {
      select_.Reset();
      const absl::StatusOr<bool> there = cursor_.Locate(std::move(values));
      status = there.status();
      heavy_ = there.ok() && *there;
    } else {
      status = file_->Error(code, absl::StrCat("reading table '", schema_.name, "'"));
    }
    select_.Reset();
    return status;
  }

  std::shared_ptr<const SqliteFile> file_;
  const TableSchema schema_;
  const std::vector<std::uint32_t> columns_, key_;
  SqliteCursor cursor_;
  const std::function<absl::Status()> begin_;
  const std::vector<Key> keys_;
  std::size_t next_ = 0;
  RowTaker taker_;
  sqlite::RowValues values_;
  sqlite::Statement select_;
  bool heavy_ = false;  ///< The cursor is at a row that must be read column by column.
};

/// Does SourceReader::Read(). Gives rows in the order of `cursor`, which is over `columns`. `log`: null if
/// the source has none.
class SqliteTableReader : public TableReader {
 public:
  SqliteTableReader(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                    const std::vector<std::uint32_t>& columns, SqliteCursor cursor, TableLooks looks,
                    ChangeLog* log, std::function<void()> forget)
      : file_(std::move(file)),
        name_(schema.name),
        cursor_(std::move(cursor)),
        taker_(file_, schema, columns, std::move(forget)),
        log_(log),
        looks_(std::move(looks)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    taker_.ResetWeight();
    while (taker_.weight() < size.bytes && block->rows() < size.rows) {
      absl::StatusOr<bool> more = OneLook(size, block, sink);
      // Only after all locks are released.
      RETURN_IF_ERROR(taker_.SendDeferred(sink));
      if (!more.ok()) return more.status();
      if (!*more) return false;
      if (!heavy_) continue;
      heavy_ = false;
      RETURN_IF_ERROR(taker_.TakeHeavy(
          cursor_, [this] { return looks_.Begin(); }, block, sink));
    }
    return true;
  }

  absl::StatusOr<Position> Seal(const Position& target) override {
    if (log_ == nullptr || !looks_.moved()) return target;
    return log_->Seal(name_, Lsn{*looks_.moved()});
  }

 private:
  absl::StatusOr<bool> OneLook(const BlockSize& size, RowBlock* block, LargeSink* sink) {
    RETURN_IF_ERROR(looks_.Begin());
    const SourceLook look(*file_);
    const bool in_chunks = looks_.in_chunks() && cursor_.can_leave();
    std::size_t rows = 0;
    absl::Status taken;
    ASSIGN_OR_RETURN(const SqliteCursor::Stop stop, cursor_.Take([&](sqlite3_value** values) {
      taken = taker_.Take(values, block, sink);
      return taken.ok() && taker_.weight() < size.bytes && (!in_chunks || ++rows < looks_.rows()) &&
             block->rows() < size.rows;
    }));
    if (!taken.ok()) return taken;
    if (stop == SqliteCursor::Stop::kEnd) {
      absl::Status end = looks_.CheckEnd();
      return end.ok() ? absl::StatusOr<bool>(false) : end;
    }
    heavy_ = stop == SqliteCursor::Stop::kHeavy;
    if (in_chunks) cursor_.Leave();
    return true;
  }

  std::shared_ptr<const SqliteFile> file_;
  std::string name_;
  SqliteCursor cursor_;
  RowTaker taker_;
  ChangeLog* log_;
  TableLooks looks_;
  bool heavy_ = false;  ///< The cursor is at a row that must be read column by column.
};

/// How often the look at all tables is repeated.
constexpr int kLooksAtAll = 3;

/// Returns the table with these columns as its key.
TableSchema KeyedBy(TableSchema table, const std::vector<std::uint32_t>& key) {
  for (Column& column : table.columns) column.key_position = 0;
  for (std::size_t i = 0; i < key.size(); ++i)
    table.columns[key[i]].key_position = static_cast<std::uint32_t>(i) + 1;
  return table;
}

class SqliteReader : public SourceReader {
 public:
  explicit SqliteReader(SqliteReaderOptions options) : options_(std::move(options)) {}

  SourceMark Mark() const override { return files_.file() == nullptr ? SourceMark{} : files_.file()->mark(); }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    ASSIGN_OR_RETURN(ChosenTables chosen, Choose());
    return std::move(chosen.names);
  }

  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<SourceSchema> schema = LookAtAll();
    // Another program opened a file that was not in use: it is now read as any other file.
    for (int repeat = 0; repeat < kLooksAtAll && absl::IsAborted(schema.status()); ++repeat)
      schema = LookAtAll();
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    if (files_.file()->access() == Access::kChunks && !known->plan->rowid.empty())
      return CountInLooks(*files_.file(), *known->plan);
    ASSIGN_OR_RETURN(const std::shared_ptr<const SqliteFile> file, files_.For(*known->plan));
    RETURN_IF_ERROR(file->BeginLook());
    const SourceLook look(*file);
    ASSIGN_OR_RETURN(const std::int64_t count,
                     file->Number(absl::StrCat("SELECT count(*)", known->plan->FromWhere())));
    return static_cast<std::uint64_t>(count);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    ChangeLog* const log = options_.log;
    const bool has_key = !known->schema.Key().empty();
    const bool closed_later = log != nullptr && has_key && log->NamesRows(table);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = log == nullptr ? files_.For(*known->plan)
                                                                   : closed_later ? files_.file()
                                                                                  : files_.ForOneMoment();
    if (!file.ok()) return file.status();
    const bool by_key = has_key && !known->plan->key_order.empty();
    const std::vector<OrderTerm>& order = by_key ? known->plan->key_order : known->plan->steady_order;
    ASSIGN_OR_RETURN(SqliteCursor cursor, SqliteCursor::Open(*file, known->plan, order, columns));
    // VACUUM does not move the rows of a copy.
    TableLooks looks = LooksAt(*file, table, has_key, (*file)->is_copy() ? std::vector<OrderTerm>() : order);
    return std::make_unique<SqliteTableReader>(*file, known->schema, columns, std::move(cursor),
                                               std::move(looks), log, Forgetter(table));
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    const bool has_key = !known->schema.Key().empty();
    const bool ordered = has_key && HasMirrorOrder(*known->plan, known->schema);
    const std::vector<OrderTerm>& order = ordered ? known->plan->key_order : known->plan->steady_order;
    ASSIGN_OR_RETURN(const std::shared_ptr<const SqliteFile> file, files_.For(*known->plan));
    ASSIGN_OR_RETURN(SqliteCursor cursor, SqliteCursor::Open(file, known->plan, order, columns));
    TableLooks looks = LooksAt(file, table, has_key, order);
    if (ordered || !has_key) {
      return ReadDigests(file, known->schema, columns, std::move(cursor), std::move(looks));
    }
    return SortDigests(file, known->schema, columns, std::move(cursor), std::move(looks));
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                     const std::vector<std::uint32_t>& columns) override {
    return ScanAll(table, columns, /*by_column=*/false);
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) override {
    return ScanAll(table, columns, /*by_column=*/true);
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    std::shared_ptr<const SourcePlan> plan = known->plan;
    if (bound.left_out) {
      SourcePlan others = *plan;
      others.filter = plan->filter.empty() ? "(0)" : absl::StrCat("(", plan->filter, " IS NOT TRUE)");
      plan = std::make_shared<const SourcePlan>(std::move(others));
    }
    // If an index has the rows in the column's order, only rows within the bound are read.
    std::vector<OrderTerm> by_column{
        {absl::StrCat(QuoteName(known->schema.columns[bound.column].name), " COLLATE BINARY"), false,
         static_cast<int>(bound.column)}};
    by_column.insert(by_column.end(), plan->steady_order.begin(), plan->steady_order.end());
    ASSIGN_OR_RETURN(const std::shared_ptr<const SqliteFile> file, files_.For(*plan));
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(file, plan, by_column, columns);
    if (!cursor.ok()) return cursor.status();
    const bool filter = cursor->sorts() || plan->rowid.empty();
    if (filter) {
      cursor = SqliteCursor::Open(file, plan, plan->steady_order, columns);
      if (!cursor.ok()) return cursor.status();
    } else {
      // A value below every possible rowid.
      sqlite::Value first;
      first.type = sqlite::Type::kReal;
      first.real = -1e19;
      std::vector<sqlite::Value> start{FromKeyPart(bound.from), first};
      cursor->StartBehind(std::move(start));
    }
    const TableSchema keyed = bound.key.empty() ? known->schema : KeyedBy(known->schema, bound.key);
    return ScanDigests(file, keyed, columns, *std::move(cursor), LooksAt(file, table, true, by_column),
                       {bound, filter, bound.by_column});
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file =
        known->plan->rowid.empty() ? files_.ForOnePiece() : files_.file();
    if (!file.ok()) return file.status();
    return LookAtColumnOf(**file, *known->plan, column);
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    // SQLite does not enforce a key of the configuration.
    return options_.keys.contains(FoldName(table)) ? RepeatedKeys::kMistake : RepeatedKeys::kNever;
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    ASSIGN_OR_RETURN(const std::shared_ptr<const SqliteFile> file, files_.For(*known->plan));
    ASSIGN_OR_RETURN(const bool scans, FindsKeysByScan(*file, *known->plan, known->schema));
    if (scans && keys.size() >= kKeysForScan) {
      const std::vector<OrderTerm>& order = known->plan->steady_order;
      ASSIGN_OR_RETURN(SqliteCursor cursor, SqliteCursor::Open(file, known->plan, order, columns));
      return std::make_unique<KeyScan>(file, known->schema, columns, std::move(cursor),
                                       LooksAt(file, table, true, order), std::move(keys), Forgetter(table));
    }
    std::vector<OrderTerm> by_key;
    for (const std::uint32_t column : known->schema.Key()) {
      by_key.push_back({QuoteName(known->schema.columns[column].name), false, static_cast<int>(column)});
    }
    ASSIGN_OR_RETURN(SqliteCursor cursor, SqliteCursor::Open(file, known->plan, by_key, columns));
    const auto looks = std::make_shared<TableLooks>(LooksAt(file, table, true, by_key));
    return std::make_unique<KeyRows>(
        file, known->schema, columns, std::move(cursor), [looks] { return looks->Begin(); }, std::move(keys),
        Forgetter(table));
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    const KnownTable* known = tables_.Find(table);
    const TableLog* log = options_.log == nullptr ? nullptr : options_.log->Find(table);
    if (known == nullptr || log == nullptr) return Unknown(table);
    return ReadNetChanges(
        {files_.file(), known->plan, known->schema, columns, WatchOf(table, {}), Forgetter(table)},
        *options_.log, *log, from, whole_rows, count_all, std::move(also));
  }

  bool HoldsLog(bool closed_later) const override {
    if (files_.file() == nullptr || !files_.file()->wal() || files_.file()->access() == Access::kStill)
      return false;
    if (files_.file()->is_copy()) return false;
    return files_.file()->access() == Access::kSnapshot || holds_ || !closed_later;
  }
  absl::StatusOr<bool> HoldMoment(bool /*with_changes*/) override {
    RETURN_IF_ERROR(files_.Open());
    const absl::StatusOr<bool> held = files_.file()->HoldLooks();
    holds_ = held.value_or(false);
    return held;
  }
  void LeaveMoment() override {
    if (files_.file() == nullptr) return;
    holds_ = false;
    files_.file()->LeaveLooks();
    files_.file()->LeaveSnapshot();
  }
  void LeaveCopies() override { files_.LeaveCopies(); }
  void Forget(const std::string& table) override { tables_.ForgetRecord(table); }

 private:
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanAll(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool by_column) {
    const KnownTable* known = tables_.Find(table);
    if (known == nullptr) return Unknown(table);
    ASSIGN_OR_RETURN(const std::shared_ptr<const SqliteFile> file, files_.For(*known->plan));
    ASSIGN_OR_RETURN(SqliteCursor cursor,
                     SqliteCursor::Open(file, known->plan, known->plan->steady_order, columns));
    return ScanDigests(file, known->schema, columns, std::move(cursor),
                       LooksAt(file, table, !known->schema.Key().empty(), known->plan->steady_order),
                       {std::nullopt, false, by_column});
  }

  TableLooks LooksAt(const std::shared_ptr<const SqliteFile>& file, const std::string& table, bool has_key,
                     const std::vector<OrderTerm>& order) {
    const bool closed_later = options_.log != nullptr && has_key && options_.log->NamesRows(table);
    return {file, table, WatchOf(table, order), options_.log, closed_later, files_.OnMove()};
  }

  std::string LogOf(const std::string& table) const {
    const TableLog* const log = options_.log == nullptr ? nullptr : options_.log->Find(table);
    return log == nullptr ? "" : LogName(log->id);
  }
  /// `order`: in which the table is read in several looks.
  DefinitionWatch WatchOf(const std::string& table, const std::vector<OrderTerm>& order) const {
    const bool hidden =
        std::any_of(order.begin(), order.end(), [](const OrderTerm& term) { return term.column < 0; });
    const auto found = definitions_.find(FoldName(table));
    return {table, LogOf(table), found == definitions_.end() ? "" : found->second, schema_version_, hidden};
  }

  absl::StatusOr<ChosenTables> Choose() {
    RETURN_IF_ERROR(files_.Open());
    const SqliteFile& file = *files_.file();
    RETURN_IF_ERROR(file.BeginLook());
    const SourceLook look(file);
    ASSIGN_OR_RETURN(std::vector<std::string> all, ListTables(file));
    ASSIGN_OR_RETURN(const std::vector<std::string> views, ListViews(file));
    for (const std::string& view : views) {
      const std::string name = FoldName(view);
      if (options_.keys.contains(name) || options_.keyless_views.contains(name)) all.push_back(view);
    }
    ChosenTables chosen =
        ChooseTables({options_.include, options_.skip, options_.blocked, options_.takes}, all);
    for (const std::string& name : options_.ours) {
      ASSIGN_OR_RETURN(const bool there,
                       file.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1")
                           .With(name)
                           .Step());
      if (there && (!options_.takes || options_.takes(name))) chosen.names.push_back(name);
    }
    return chosen;
  }

  absl::StatusOr<SourceSchema> LookAtAll() {
    tables_.Clear();
    RETURN_IF_ERROR(files_.OpenAnew());
    ASSIGN_OR_RETURN(ChosenTables chosen, Choose());
    RETURN_IF_ERROR(ReadSchema());
    SourceSchema schema;
    schema.idle_patterns = std::move(chosen.idle_patterns);
    schema.blocked = std::move(chosen.blocked);
    for (const std::string& name : chosen.names) {
      if (const absl::Status status = CheckName(name, "its name"); !status.ok()) {
        schema.refused.push_back(
            {CountUtf8(name) ? name : "(a name that is not UTF-8)", std::string(status.message())});
        continue;
      }
      ASSIGN_OR_RETURN(SourceTable table, tables_.LookAt(name));
      table.identity = IdentityOf(name);
      schema.tables.push_back(std::move(table));
    }
    return schema;
  }

  /// Returns the number of the table's log: a table that is created again gets a new log. Without a log, any
  /// change of the schema may have created the table again: the two tables cannot be distinguished.
  std::uint64_t IdentityOf(const std::string& table) const {
    const TableLog* const log = options_.log == nullptr ? nullptr : options_.log->Find(table);
    if (log != nullptr) return static_cast<std::uint64_t>(log->id);
    const auto definition = definitions_.find(FoldName(table));
    if (definition == definitions_.end()) return 0;
    return ShortDigest(absl::StrCat(schema_version_, " ", definition->second));
  }

  absl::Status ReadSchema() {
    RETURN_IF_ERROR(files_.file()->BeginLook());
    const SourceLook look(*files_.file());
    ASSIGN_OR_RETURN(schema_version_, files_.file()->Number("PRAGMA schema_version"));
    ASSIGN_OR_RETURN(definitions_, ReadDefinitions(*files_.file(), [this](const std::string& table) {
                       return LogOf(table);
                     }));
    return absl::OkStatus();
  }

  /// Returns a function to call when a value does not fit the found type.
  std::function<void()> Forgetter(const std::string& table) {
    return [this, table] { tables_.ForgetRecord(table); };
  }

  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  const SqliteReaderOptions options_;
  SourceFiles files_{options_};
  SqliteTables tables_{options_, files_};
  std::int64_t schema_version_ = 0;
  bool holds_ = false;                                  ///< See HoldMoment().
  std::map<std::string, TableDefinition> definitions_;  ///< At `schema_version_`, by folded name.
};

}  // namespace

std::unique_ptr<SourceReader> OpenSqliteReader(SqliteReaderOptions options) {
  return std::make_unique<SqliteReader>(std::move(options));
}

}  // namespace mirror
