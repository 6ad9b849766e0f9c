#include "server/store/sqlite/history/sqlite_version_reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/row_digest.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/history/sqlite_history.h"
#include "server/store/sqlite/history/sqlite_journal_reader.h"
#include "server/store/sqlite/history/version_sql.h"
#include "server/store/sqlite/rows/sqlite_range.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"
#include "server/store/version_reader.h"

namespace mirror {
namespace {

/// Instructions of SQLite's machine between two looks whether to go on: a few milliseconds.
constexpr int kStepsBetweenLooks = 100'000;
constexpr std::size_t kKeyBlockRows = 10'000;
/// What a version weighs is estimated from so many of the newest.
constexpr int kSampledRows = 1'000;
/// Of a version, beside its values: its number, its moment and its place in the index.
constexpr std::uint64_t kVersionBytes = 40;

/// As rows of it are read: nobody's but the source's, and no column has to have a value.
TableSchema OfFormerRows(const TableSchema& kept) {
  TableSchema former = kept;
  former.preserve_target = false;
  former.deletes = Deletes::kApply;
  for (Column& column : former.columns) {
    column.nullable = true;
    if (column.key_position == 0) column.length = 0;  // It may have been greater.
  }
  return former;
}

std::vector<std::uint32_t> AllColumns(const TableSchema& table) {
  std::vector<std::uint32_t> all(table.columns.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

class SqliteVersionReader final : public VersionReader {
 public:
  explicit SqliteVersionReader(SqliteConnection& connection) : connection_(connection) {}

  absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> history, FindHistory(connection_, table));
    if (!history) return std::nullopt;
    return TableHistory{OfFormerRows(history->schema), history->known_from};
  }

  absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                       std::uint64_t bytes_max) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> kept, FindHistory(connection_, history.schema.name));
    if (!kept) return 0;
    ASSIGN_OR_RETURN(const std::int64_t last_old, FindLastOld(connection_, history.schema.name, old));
    ASSIGN_OR_RETURN(const std::int64_t over, FindOver(history.schema, kept->versions, bytes_max));
    // The last state that was committed stays, however much a cycle that is under way has written.
    const absl::StatusOr<std::int64_t> last = LastCommitOf(connection_, history.schema.name);
    if (!last.ok()) return last;
    const std::int64_t cut = std::max(last_old, std::min(over, *last));
    if (cut > history.known_from) return cut;
    // A cut that was interrupted goes on.
    ASSIGN_OR_RETURN(const std::int64_t oldest,
                     ReadNumber(connection_, absl::StrCat("SELECT coalesce((SELECT ", kVersionUntil, " FROM ",
                                                          QuoteName(kept->versions), " ORDER BY ",
                                                          kVersionNumber, " LIMIT 1), ", INT64_MAX, ")")));
    return oldest <= history.known_from ? history.known_from : 0;
  }

  absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> kept, FindHistory(connection_, history.schema.name));
    if (!kept) return 0;
    return ReadNumber(connection_, absl::StrCat("SELECT count(*) FROM ", QuoteName(kept->versions), " WHERE ",
                                                kVersionWas, " = 1"));
  }

  absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                            const std::vector<std::uint32_t>& columns, const std::vector<KeyRange>& ranges,
                            std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    ASSIGN_OR_RETURN(const std::string with, AsOf(history.schema, moment));
    const sqlite::Watch watch(connection_.handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); });
    RangeSelect statement(connection_, history.schema, NameList(history.schema, columns),
                          /*in_key_order=*/true, with);
    const std::vector<KeyRange> all(1);
    RowBlock block = RowBlock::For(history.schema, columns);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      RETURN_IF_ERROR(statement.Run(range, [&](sqlite3_stmt* row) {
        RETURN_IF_ERROR(AppendStoredRow(history.schema, row, &block));
        if (block.bytes() < block_bytes) return absl::OkStatus();
        absl::Status taken = take(&block);
        block = RowBlock::For(history.schema, columns);
        return taken;
      }));
    }
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                         const std::vector<std::uint32_t>& columns,
                                         const GoOn& go_on) override {
    ASSIGN_OR_RETURN(const std::string with, AsOf(history.schema, moment));
    const sqlite::Watch watch(connection_.handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); });
    RangeSelect statement(connection_, history.schema, NameList(history.schema, columns),
                          /*in_key_order=*/false, with);
    RangeDigest sum;
    RowDigest digest;
    RETURN_IF_ERROR(statement.Run({}, [&](sqlite3_stmt* row) {
      for (int i = 0; i < sqlite3_data_count(row); ++i) {
        sqlite::AddToDigest(sqlite3_column_value(row, i), &digest);
      }
      sum.Add(digest.Finish());
      return absl::OkStatus();
    }));
    return sum;
  }

  absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) override {
    const absl::StatusOr<std::optional<KeptHistory>> kept = FindHistory(connection_, history.schema.name);
    if (!kept.ok() || !*kept) return kept.status();
    const TableSchema& table = history.schema;
    const std::vector<std::uint32_t> all = AllColumns(table);
    const std::string list = NameList(table, all);
    ASSIGN_OR_RETURN(const VisibleRows visible, ReadVisibleRows(connection_, (*kept)->schema));
    // The present row, and behind it what each moment ended.
    const std::string with = absl::StrCat(
        "WITH ", QuoteName(table.name), " AS (SELECT ", list, ", 1 AS _mirror_stood, ", INT64_MAX,
        " AS _mirror_ended FROM (", LiveRowsSql((*kept)->schema, visible), ") UNION ALL SELECT ", list, ", ",
        kVersionWas, ", ", kVersionUntil, " FROM ", QuoteName((*kept)->versions), ") ");
    RangeSelect statement(connection_, table, absl::StrCat(list, ", _mirror_stood, _mirror_ended"),
                          /*in_key_order=*/false, with);
    const int count = static_cast<int>(all.size());
    VersionGiver giver(take);
    const absl::Status read =
        statement.RunOne(key, " ORDER BY _mirror_ended DESC", [&](sqlite3_stmt* row) -> absl::Status {
          const bool stood = sqlite3_column_int64(row, count) == 1;
          RowBlock block = RowBlock::For(table, all);
          absl::Status status = stood ? AppendStoredRow(table, row, &block) : absl::OkStatus();
          if (status.ok()) status = giver.Add(sqlite3_column_int64(row, count + 1), stood ? &block : nullptr);
          return giver.goes_on() || !status.ok() ? status : absl::CancelledError("");
        });
    if (!giver.goes_on()) return absl::OkStatus();
    return read.ok() ? giver.End() : read;
  }

  absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                               const GoOn& go_on, const TakeRows& take) override {
    const absl::StatusOr<std::optional<KeptHistory>> kept = FindHistory(connection_, history.schema.name);
    if (!kept.ok() || !*kept) return kept.status();
    const sqlite::Watch watch(connection_.handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); });
    const std::vector<std::uint32_t> key = history.schema.Key();
    const std::string list = NameList(history.schema, key);
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare(absl::StrCat(
                         "SELECT DISTINCT ", list, " FROM ", QuoteName((*kept)->versions), " WHERE ",
                         kVersionUntil, " > ?1 AND ", kVersionUntil, " <= ?2 ORDER BY ", list)));
    query.Bind(1, from).Bind(2, to);
    RowBlock block = RowBlock::For(history.schema, key);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      absl::Status status = AppendStoredRow(history.schema, query.get(), &block);
      if (status.ok() && block.rows() >= kKeyBlockRows) {
        status = take(&block);
        block = RowBlock::For(history.schema, key);
      }
      if (!status.ok()) return status;
    }
    if (!row.ok()) return row.status();
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

 private:
  /// The moment that ended the last version of those that are too many; 0: none is.
  absl::StatusOr<std::int64_t> FindOver(const TableSchema& table, const std::string& versions,
                                        std::uint64_t bytes_max) {
    const std::vector<std::uint32_t> all = AllColumns(table);
    RowBlock sample = RowBlock::For(table, all);
    ASSIGN_OR_RETURN(Query newest, connection_.Prepare(absl::StrCat(
                                       "SELECT ", NameList(table, all), " FROM ", QuoteName(versions),
                                       " ORDER BY ", kVersionNumber, " DESC LIMIT ", kSampledRows)));
    absl::StatusOr<bool> row = newest.Step();
    for (; row.ok() && *row; row = newest.Step()) {
      RETURN_IF_ERROR(AppendStoredRow(table, newest.get(), &sample));
    }
    if (!row.ok()) return row.status();
    if (sample.rows() == 0) return 0;
    const std::uint64_t each = sample.bytes() / sample.rows() + kVersionBytes;
    ASSIGN_OR_RETURN(Query at,
                     connection_.Prepare(absl::StrCat(
                         "SELECT coalesce((SELECT ", kVersionUntil, " FROM ", QuoteName(versions), " WHERE ",
                         kVersionNumber, " <= (SELECT max(", kVersionNumber, ") FROM ", QuoteName(versions),
                         ") - ?1 ORDER BY ", kVersionNumber, " DESC LIMIT 1), 0)")));
    const std::uint64_t stay = std::min<std::uint64_t>(bytes_max / each, INT64_MAX);
    RETURN_IF_ERROR(at.Bind(1, static_cast<std::int64_t>(stay)).StepToRow());
    return at.Int(0);
  }

  /// As the name of the table, before a statement over it.
  absl::StatusOr<std::string> AsOf(const TableSchema& table, std::int64_t moment) {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> kept, FindHistory(connection_, table.name));
    if (!kept) return absl::NotFoundError(absl::StrCat("table '", table.name, "' has no history"));
    ASSIGN_OR_RETURN(const VisibleRows visible, ReadVisibleRows(connection_, kept->schema));
    return absl::StrCat("WITH ", QuoteName(table.name), " AS (",
                        AsOfSql(kept->versions, kept->schema, visible, absl::StrCat(moment)), ") ");
  }

  SqliteConnection& connection_;
};

}  // namespace

std::unique_ptr<VersionReader> MakeSqliteVersionReader(SqliteConnection& connection) {
  return std::make_unique<SqliteVersionReader>(connection);
}

}  // namespace mirror
