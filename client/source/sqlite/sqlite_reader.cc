#include "client/source/sqlite/sqlite_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/utf8.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_objects.h"
#include "client/source/sqlite/file/sqlite_row.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/file/table_definition.h"
#include "client/source/sqlite/log/net_changes.h"
#include "client/source/sqlite/sqlite_column_look.h"
#include "client/source/sqlite/sqlite_digests.h"
#include "client/source/sqlite/sqlite_key_rows.h"
#include "client/source/sqlite/sqlite_key_scan.h"
#include "client/source/sqlite/sqlite_looks.h"
#include "client/source/sqlite/sqlite_steps.h"
#include "client/source/sqlite/sqlite_types.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// Times that the look at all tables is taken again.
constexpr int kLooksAtAll = 3;

/// One table of the present look.
struct Known {
  std::shared_ptr<const SourcePlan> plan;
  TableSchema schema;
};

class SqliteTableReader : public TableReader {
 public:
  SqliteTableReader(std::shared_ptr<const SqliteFile> file, const Known& known, SqliteCursor cursor,
                    const std::vector<std::uint32_t>& columns, TableLooks looks, ChangeLog* log,
                    std::function<void()> forget)
      : file_(std::move(file)),
        name_(known.schema.name),
        cursor_(std::move(cursor)),
        taker_(file_, known.schema, columns, std::move(forget)),
        log_(log),
        looks_(std::move(looks)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    taker_.ResetWeight();
    while (taker_.weight() < size.bytes && block->rows() < size.rows) {
      absl::StatusOr<bool> more = OneLook(size, block, sink);
      // Only now that no lock is held.
      if (absl::Status status = taker_.SendDeferred(sink); !status.ok()) return status;
      if (!more.ok()) return more.status();
      if (!*more) return false;
      if (!heavy_) continue;
      heavy_ = false;
      absl::Status status = taker_.TakeHeavy(
          cursor_, [this] { return looks_.Begin(); }, block, sink);
      if (!status.ok()) return status;
    }
    return true;
  }

  absl::StatusOr<Position> Seal(const Position& target) override {
    if (log_ == nullptr || !looks_.moved()) return target;
    return log_->Seal(name_, Lsn{*looks_.moved()});
  }

 private:
  absl::StatusOr<bool> OneLook(const BlockSize& size, RowBlock* block, LargeSink* sink) {
    if (absl::Status status = looks_.Begin(); !status.ok()) return status;
    const Look look(*file_);
    const bool in_chunks = looks_.in_chunks() && cursor_.can_leave();
    std::size_t rows = 0;
    absl::Status taken;
    const absl::StatusOr<SqliteCursor::Stop> stop = cursor_.Take([&](sqlite3_value** values) {
      taken = taker_.Take(values, block, sink);
      return taken.ok() && taker_.weight() < size.bytes && (!in_chunks || ++rows < looks_.rows()) &&
             block->rows() < size.rows;
    });
    if (!stop.ok()) return stop.status();
    if (!taken.ok()) return taken;
    if (*stop == SqliteCursor::Stop::kEnd) {
      absl::Status end = looks_.CheckEnd();
      return end.ok() ? absl::StatusOr<bool>(false) : end;
    }
    heavy_ = *stop == SqliteCursor::Stop::kHeavy;
    if (in_chunks) cursor_.Leave();
    return true;
  }

  std::shared_ptr<const SqliteFile> file_;
  std::string name_;
  SqliteCursor cursor_;
  RowTaker taker_;
  ChangeLog* log_;
  TableLooks looks_;
  bool heavy_ = false;  ///< The cursor stands on a row that has to be read column by column.
};

/// The table as if these columns were its key.
TableSchema KeyedBy(TableSchema table, const std::vector<std::uint32_t>& key) {
  for (Column& column : table.columns) column.key_position = 0;
  for (std::size_t i = 0; i < key.size(); ++i)
    table.columns[key[i]].key_position = static_cast<std::uint32_t>(i) + 1;
  return table;
}

class SqliteReader : public SourceReader {
 public:
  explicit SqliteReader(SqliteReaderOptions options) : options_(std::move(options)) {}

  SourceMark Mark() const override { return file_ == nullptr ? SourceMark{} : file_->mark(); }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    if (absl::Status status = OpenFile(); !status.ok()) return status;
    if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
    const Look look(*file_);
    absl::StatusOr<std::vector<std::string>> all = ListTables(*file_);
    if (!all.ok()) return all.status();
    const absl::StatusOr<std::vector<std::string>> views = ListViews(*file_);
    if (!views.ok()) return views.status();
    for (const std::string& view : *views) {
      const std::string name = FoldName(view);
      if (options_.keys.contains(name) || options_.keyless_views.contains(name)) all->push_back(view);
    }
    FindIdlePatterns(*all);
    blocked_.clear();
    for (const std::string& name : *all) {
      if (const std::string* reason = WhyBlocked(name)) blocked_.push_back({name, *reason});
    }
    std::erase_if(*all, [this](const std::string& name) { return !Wanted(name); });
    return all;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<SourceSchema> schema = LookAtAll();
    // Somebody opened a file that lay still: it is read like any other then.
    for (int repeat = 0; repeat < kLooksAtAll && absl::IsAborted(schema.status()); ++repeat)
      schema = LookAtAll();
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    if (file_->access() == Access::kChunks && !known->plan->rowid.empty())
      return CountInLooks(*file_, *known->plan);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = FileOf(*known->plan);
    if (!file.ok()) return file.status();
    if (absl::Status status = (*file)->BeginLook(); !status.ok()) return status;
    const Look look(**file);
    const absl::StatusOr<std::int64_t> count =
        (*file)->Number(absl::StrCat("SELECT count(*)", known->plan->FromWhere()));
    if (!count.ok()) return count.status();
    return static_cast<std::uint64_t>(*count);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    ChangeLog* const log = options_.log;
    const bool has_key = !known->schema.Key().empty();
    const bool closed_later = log != nullptr && has_key && log->NamesRows(table);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = log == nullptr ? FileOf(*known->plan)
                                                                   : closed_later ? file_
                                                                                  : FileForOneMoment();
    if (!file.ok()) return file.status();
    const bool by_key = has_key && !known->plan->key_order.empty();
    const std::vector<OrderTerm>& order = by_key ? known->plan->key_order : known->plan->steady_order;
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(*file, known->plan, order, columns);
    if (!cursor.ok()) return cursor.status();
    // No VACUUM moves the rows of a copy.
    const DefinitionWatch watch = WatchOf(table, (*file)->is_copy() ? std::vector<OrderTerm>() : order);
    TableLooks looks(*file, table, watch, log, closed_later, OnMove());
    return std::make_unique<SqliteTableReader>(*file, *known, *std::move(cursor), columns, std::move(looks),
                                               log, Forgetter(table));
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    const bool has_key = !known->schema.Key().empty();
    const bool ordered = has_key && HasMirrorOrder(*known->plan, known->schema);
    const std::vector<OrderTerm>& order = ordered ? known->plan->key_order : known->plan->steady_order;
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = FileOf(*known->plan);
    if (!file.ok()) return file.status();
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(*file, known->plan, order, columns);
    if (!cursor.ok()) return cursor.status();
    TableLooks looks = LooksAt(*file, table, has_key, order);
    if (ordered || !has_key) {
      return ReadDigests(*file, known->schema, columns, *std::move(cursor), std::move(looks));
    }
    return SortDigests(*file, known->schema, columns, *std::move(cursor), std::move(looks));
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
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    std::shared_ptr<const SourcePlan> plan = known->plan;
    if (bound.left_out) {
      SourcePlan others = *plan;
      others.filter = plan->filter.empty() ? "(0)" : absl::StrCat("(", plan->filter, " IS NOT TRUE)");
      plan = std::make_shared<const SourcePlan>(std::move(others));
    }
    // Where an index gives the rows in the order of the column, only those within the bound are read.
    std::vector<OrderTerm> by_column{
        {absl::StrCat(QuoteName(known->schema.columns[bound.column].name), " COLLATE BINARY"), false,
         static_cast<int>(bound.column)}};
    by_column.insert(by_column.end(), plan->steady_order.begin(), plan->steady_order.end());
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = FileOf(*plan);
    if (!file.ok()) return file.status();
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(*file, plan, by_column, columns);
    if (!cursor.ok()) return cursor.status();
    const bool filter = cursor->sorts() || plan->rowid.empty();
    if (filter) {
      cursor = SqliteCursor::Open(*file, plan, plan->steady_order, columns);
      if (!cursor.ok()) return cursor.status();
    } else {
      // Before the first rowid that there can be.
      sqlite::Value first;
      first.type = sqlite::Type::kReal;
      first.real = -1e19;
      std::vector<sqlite::Value> start{FromKeyPart(bound.from), first};
      cursor->StartBehind(std::move(start));
    }
    const TableSchema keyed = bound.key.empty() ? known->schema : KeyedBy(known->schema, bound.key);
    return ScanDigests(*file, keyed, columns, *std::move(cursor), LooksAt(*file, table, true, by_column),
                       {bound, filter, bound.by_column});
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file =
        known->plan->rowid.empty() ? FileOfOnePiece() : file_;
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
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = FileOf(*known->plan);
    if (!file.ok()) return file.status();
    const absl::StatusOr<bool> scans = FindsKeysByScan(**file, *known->plan, known->schema);
    if (!scans.ok()) return scans.status();
    if (*scans && keys.size() >= kKeysForScan) {
      const std::vector<OrderTerm>& order = known->plan->steady_order;
      absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(*file, known->plan, order, columns);
      if (!cursor.ok()) return cursor.status();
      return ScanForKeys(*file, known->schema, columns, *std::move(cursor),
                         LooksAt(*file, table, true, order), std::move(keys), Forgetter(table));
    }
    std::vector<OrderTerm> by_key;
    for (const std::uint32_t column : known->schema.Key()) {
      by_key.push_back({QuoteName(known->schema.columns[column].name), false, static_cast<int>(column)});
    }
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(*file, known->plan, by_key, columns);
    if (!cursor.ok()) return cursor.status();
    const auto looks = std::make_shared<TableLooks>(LooksAt(*file, table, true, by_key));
    return ReadKeyRows(
        *file, known->schema, columns, *std::move(cursor), [looks] { return looks->Begin(); },
        std::move(keys), Forgetter(table));
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    const Known* known = Find(table);
    const TableLog* log = options_.log == nullptr ? nullptr : options_.log->Find(table);
    if (known == nullptr || log == nullptr) return Unknown(table);
    return ReadNetChanges({file_, known->plan, known->schema, columns, WatchOf(table, {}), Forgetter(table)},
                          *options_.log, *log, from, whole_rows, count_all, std::move(also));
  }

  bool HoldsLog(bool closed_later) const override {
    if (file_ == nullptr || !file_->wal() || file_->access() == Access::kStill) return false;
    if (file_->is_copy()) return false;
    return file_->access() == Access::kSnapshot || !closed_later;
  }
  void LeaveMoment() override {
    if (file_ != nullptr) file_->LeaveSnapshot();
  }
  void LeaveCopies() override { copy_.reset(); }
  void Forget(const std::string& table) override { options_.records.erase(table); }

 private:
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanAll(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool by_column) {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = FileOf(*known->plan);
    if (!file.ok()) return file.status();
    absl::StatusOr<SqliteCursor> cursor =
        SqliteCursor::Open(*file, known->plan, known->plan->steady_order, columns);
    if (!cursor.ok()) return cursor.status();
    return ScanDigests(*file, known->schema, columns, *std::move(cursor),
                       LooksAt(*file, table, !known->schema.Key().empty(), known->plan->steady_order),
                       {std::nullopt, false, by_column});
  }

  TableLooks LooksAt(const std::shared_ptr<const SqliteFile>& file, const std::string& table, bool has_key,
                     const std::vector<OrderTerm>& order) {
    const bool closed_later = options_.log != nullptr && has_key && options_.log->NamesRows(table);
    return {file, table, WatchOf(table, order), options_.log, closed_later, OnMove()};
  }

  std::string LogOf(const std::string& table) const {
    const TableLog* const log = options_.log == nullptr ? nullptr : options_.log->Find(table);
    return log == nullptr ? "" : LogName(log->id);
  }
  /// `order`: in which the table is read over several looks.
  DefinitionWatch WatchOf(const std::string& table, const std::vector<OrderTerm>& order) const {
    const bool hidden =
        std::any_of(order.begin(), order.end(), [](const OrderTerm& term) { return term.column < 0; });
    const auto found = definitions_.find(FoldName(table));
    return {table, LogOf(table), found == definitions_.end() ? "" : found->second, schema_version_, hidden};
  }

  absl::Status OpenFile() {
    if (file_ != nullptr) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<SqliteFile>> file =
        SqliteFile::Open(options_.path, options_.log == nullptr ? Use::kRead : Use::kLooks);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    return RegisterTurns(*file_, key());
  }
  const TenantHashKey* key() const { return options_.hash_key ? &*options_.hash_key : nullptr; }

  /// Where writers wait for a look, and the rows cannot be read in several, a copy.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> FileOf(const SourcePlan& plan) {
    return plan.steady_order.empty() ? FileOfOnePiece() : file_;
  }
  absl::StatusOr<std::shared_ptr<const SqliteFile>> FileOfOnePiece() {
    if (file_->access() != Access::kChunks || options_.log != nullptr) return file_;
    return Copy();
  }
  absl::StatusOr<std::shared_ptr<const SqliteFile>> Copy() {
    if (copy_ != nullptr) return copy_;
    absl::StatusOr<std::unique_ptr<SqliteFile>> copy = file_->CopyOfOneMoment(options_.copy);
    if (!copy.ok()) return copy.status();
    if (absl::Status registered = RegisterTurns(**copy, key()); !registered.ok()) return registered;
    copy_ = *std::move(copy);
    return copy_;
  }

  std::function<std::string()> OnMove() {
    return [this] {
      ++moves_;
      return copy_trouble_.empty() ? "" : absl::StrCat("; ", copy_trouble_);
    };
  }
  /// Null: the source is read as it is, since it rests, or lets its writers go on, or cannot be copied.
  std::shared_ptr<const SqliteFile> CopyOfWhatMoves() {
    const bool moves = moves_ >= kMovesBeforeCopy && !file_->wal() && file_->access() == Access::kChunks;
    if (!moves || !copy_trouble_.empty()) return nullptr;
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> copy = Copy();
    if (copy.ok()) return *copy;
    copy_trouble_ = std::string(copy.status().message());
    return nullptr;
  }

  /// With WAL one snapshot, beside which others write; else the file as it is open here, whose table must
  /// not move while it is read.
  absl::StatusOr<std::shared_ptr<const SqliteFile>> FileForOneMoment() {
    if (!file_->wal()) {
      const std::shared_ptr<const SqliteFile> copy = CopyOfWhatMoves();
      return copy == nullptr ? file_ : copy;
    }
    absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(options_.path);
    if (!file.ok()) return file.status();
    if (absl::Status registered = RegisterTurns(**file, key()); !registered.ok()) return registered;
    const SourceMark &now = (*file)->mark(), &before = file_->mark();
    if (now.device == before.device && now.inode == before.inode) return *std::move(file);
    return absl::AbortedError(absl::StrCat("'", before.path, "' was replaced while it was read"));
  }

  absl::StatusOr<SourceSchema> LookAtAll() {
    tables_.clear();
    copy_.reset();
    file_.reset();
    if (absl::Status opened = OpenFile(); !opened.ok()) return opened;
    if (options_.log == nullptr) {
      if (const std::shared_ptr<const SqliteFile> copy = CopyOfWhatMoves(); copy != nullptr) file_ = copy;
      copy_.reset();
    }
    absl::StatusOr<std::vector<std::string>> names = TableNames();
    if (!names.ok()) return names.status();
    if (absl::Status read = ReadSchema(); !read.ok()) return read;
    SourceSchema schema;
    schema.idle_patterns = idle_patterns_;
    schema.blocked = blocked_;
    for (const std::string& name : *names) {
      if (const absl::Status status = CheckName(name, "its name"); !status.ok()) {
        schema.refused.push_back(
            {CountUtf8(name) ? name : "(a name that is not UTF-8)", std::string(status.message())});
        continue;
      }
      absl::StatusOr<SourceTable> table = LookAt(name);
      if (!table.ok()) return table.status();
      schema.tables.push_back(*std::move(table));
    }
    return schema;
  }

  absl::Status ReadSchema() {
    if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
    const Look look(*file_);
    const absl::StatusOr<std::int64_t> version = file_->Number("PRAGMA schema_version");
    if (!version.ok()) return version.status();
    schema_version_ = *version;
    absl::StatusOr<std::map<std::string, TableDefinition>> definitions =
        ReadDefinitions(*file_, [this](const std::string& table) { return LogOf(table); });
    if (!definitions.ok()) return definitions.status();
    definitions_ = *std::move(definitions);
    return absl::OkStatus();
  }

  void FindIdlePatterns(const std::vector<std::string>& tables) {
    std::vector<std::string> patterns = options_.include;
    patterns.insert(patterns.end(), options_.skip.begin(), options_.skip.end());
    for (const auto& [pattern, reason] : options_.blocked) patterns.push_back(pattern);
    idle_patterns_.clear();
    for (const std::string& pattern : patterns) {
      const auto fits = [&pattern](const std::string& name) { return MatchesPattern(name, pattern); };
      if (std::none_of(tables.begin(), tables.end(), fits)) idle_patterns_.push_back(pattern);
    }
  }

  /// Null: it is not.
  const std::string* WhyBlocked(const std::string& name) const {
    for (const auto& [pattern, reason] : options_.blocked) {
      if (MatchesPattern(name, pattern)) return &reason;
    }
    return nullptr;
  }

  bool Wanted(const std::string& name) const {
    const auto fits = [&name](const std::string& pattern) { return MatchesPattern(name, pattern); };
    return std::any_of(options_.include.begin(), options_.include.end(), fits) &&
           std::none_of(options_.skip.begin(), options_.skip.end(), fits) && WhyBlocked(name) == nullptr &&
           (!options_.takes || options_.takes(name));
  }

  /// For when a value does not fit what was found.
  std::function<void()> Forgetter(const std::string& table) {
    return [this, table] { options_.records.erase(table); };
  }

  const Known* Find(const std::string& table) const {
    const auto found = tables_.find(table);
    return found == tables_.end() ? nullptr : &found->second;
  }
  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  /// Errors: the whole source cannot be read. What is wrong with one table is in its `problem`.
  absl::StatusOr<SourceTable> LookAt(const std::string& name) {
    SourceTable table;
    absl::StatusOr<SourcePlan> planned = PlanInLook(name, &table);
    if (!planned.ok()) return planned.status();
    const auto plan = std::make_shared<const SourcePlan>(*std::move(planned));
    table.schema = plan->schema;
    if (!table.problem.empty()) {
      // It is announced as it was, as far as that is known.
      table.schema = Recorded(*plan).value_or(plan->schema);
    } else if (const absl::Status status = CheckTable(plan->schema); !status.ok()) {
      table.problem = std::string(status.message());
    } else if (const auto found = Recorded(*plan)) {
      table.schema = *found;
      table.record = options_.records[name];
    } else if (absl::Status scanned = Scan(plan, &table); !scanned.ok()) {
      return scanned;
    }
    tables_[name] = Known{plan, table.schema};
    return table;
  }

  std::vector<std::string> KeyOf(const std::string& table) const {
    const auto key = options_.keys.find(FoldName(table));
    return key == options_.keys.end() ? std::vector<std::string>() : key->second;
  }

  absl::StatusOr<SourcePlan> PlanInLook(const std::string& name, SourceTable* table) const {
    if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
    const Look look(*file_);
    absl::StatusOr<SourcePlan> plan = PlanSource(*file_, name, KeyOf(name));
    if (absl::IsInvalidArgument(plan.status())) {
      table->problem = std::string(plan.status().message());
      return PlanSource(*file_, name);
    }
    if (!plan.ok()) return plan;
    absl::StatusOr<SourceObjects> objects = ReadObjects(*file_, *plan);
    if (!objects.ok()) return objects.status();
    table->objects = *std::move(objects);
    for (const TableSteps& steps : options_.steps) {
      if (!SameName(steps.table, name)) continue;
      const absl::Status applied = ApplySteps(*file_, steps, &*plan);
      if (absl::IsUnavailable(applied)) return applied;
      table->problem = std::string(applied.message());
    }
    return plan;
  }

  std::optional<TableSchema> Recorded(const SourcePlan& plan) const {
    const auto record = options_.records.find(plan.schema.name);
    if (record == options_.records.end()) return std::nullopt;
    return ApplyRecord(plan.schema, record->second);
  }

  absl::Status Scan(const std::shared_ptr<const SourcePlan>& plan, SourceTable* table) {
    const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = FileOf(*plan);
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
    options_.records[plan->schema.name] = table->record;
    return absl::OkStatus();
  }

  SqliteReaderOptions options_;
  std::shared_ptr<const SqliteFile> file_;
  std::shared_ptr<const SqliteFile> copy_;  ///< Of this look; null: it was not needed so far.
  int moves_ = 0;                           ///< Looks that a commit broke off.
  std::string copy_trouble_;                ///< Why what moves cannot be copied.
  std::int64_t schema_version_ = 0;
  std::map<std::string, TableDefinition> definitions_;  ///< At that version, by folded name.
  std::map<std::string, Known> tables_;
  std::vector<std::string> idle_patterns_;
  std::vector<RefusedTable> blocked_;
};

}  // namespace

std::unique_ptr<SourceReader> OpenSqliteReader(SqliteReaderOptions options) {
  return std::make_unique<SqliteReader>(std::move(options));
}

}  // namespace mirror
