#include "client/source/sqlite/sqlite_reader.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/file/table_definition.h"
#include "client/source/sqlite/log/net_changes.h"
#include "client/source/sqlite/source_files.h"
#include "client/source/sqlite/sqlite_column_look.h"
#include "client/source/sqlite/sqlite_digests.h"
#include "client/source/sqlite/sqlite_key_rows.h"
#include "client/source/sqlite/sqlite_key_scan.h"
#include "client/source/sqlite/sqlite_looks.h"
#include "client/source/sqlite/sqlite_table_reader.h"
#include "client/source/sqlite/sqlite_tables.h"
#include "client/source/table_choice.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// Times that the look at all tables is taken again.
constexpr int kLooksAtAll = 3;

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

  SourceMark Mark() const override { return files_.file() == nullptr ? SourceMark{} : files_.file()->mark(); }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    ASSIGN_OR_RETURN(ChosenTables chosen, Choose());
    return std::move(chosen.names);
  }

  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<SourceSchema> schema = LookAtAll();
    // Somebody opened a file that lay still: it is read like any other then.
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
    // No VACUUM moves the rows of a copy.
    TableLooks looks = LooksAt(*file, table, has_key, (*file)->is_copy() ? std::vector<OrderTerm>() : order);
    return ReadRows(*file, known->schema, columns, std::move(cursor), std::move(looks), log,
                    Forgetter(table));
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
    // Where an index gives the rows in the order of the column, only those within the bound are read.
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
      // Before the first rowid that there can be.
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
      return ScanForKeys(file, known->schema, columns, std::move(cursor), LooksAt(file, table, true, order),
                         std::move(keys), Forgetter(table));
    }
    std::vector<OrderTerm> by_key;
    for (const std::uint32_t column : known->schema.Key()) {
      by_key.push_back({QuoteName(known->schema.columns[column].name), false, static_cast<int>(column)});
    }
    ASSIGN_OR_RETURN(SqliteCursor cursor, SqliteCursor::Open(file, known->plan, by_key, columns));
    const auto looks = std::make_shared<TableLooks>(LooksAt(file, table, true, by_key));
    return ReadKeyRows(
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
  /// `order`: in which the table is read over several looks.
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

  /// Returns the number of the table's log, which begins anew with another table. Without a log any change of
  /// the schema may have made the table anew: nothing else tells two equal ones apart.
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

  /// For when a value does not fit what was found.
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
  std::map<std::string, TableDefinition> definitions_;  ///< At that version, by folded name.
};

}  // namespace

std::unique_ptr<SourceReader> OpenSqliteReader(SqliteReaderOptions options) {
  return std::make_unique<SqliteReader>(std::move(options));
}

}  // namespace mirror
