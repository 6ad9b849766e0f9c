#include "server/store/postgres/history/version_reader.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/history/bound_key.h"
#include "server/store/postgres/history/history_rows.h"
#include "server/store/postgres/history/journal_reader.h"
#include "server/store/postgres/history/journal_rows.h"
#include "server/store/postgres/history/version_sql.h"
#include "server/store/postgres/history/versions.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/ranges.h"
#include "server/store/version_reader.h"

namespace mirror {
namespace {

/// What a version weighs is estimated from so many of the newest.
constexpr int kSampledRows = 1'000;
/// Of a version, beside its row: its place in the index.
constexpr int kVersionBytes = 24;

constexpr int kKeyBlockRows = 10'000;
constexpr int kVersionsAtOnce = 100;

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

class PostgresVersionReader final : public VersionReader {
 public:
  PostgresVersionReader(postgres::Connection& connection, const PostgresOwnTables& names,
                        SnapshotReading snapshot)
      : connection_(connection), names_(names), snapshot_(std::move(snapshot)) {}

  absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<PostgresHistory> kept, Find(table));
    std::optional<TableHistory> history;
    if (kept) history = TableHistory{OfFormerRows(kept->schema), kept->known_from};
    return history;
  }

  absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                       std::uint64_t bytes_max) override {
    ASSIGN_OR_RETURN(const Opened opened, Open(history.schema));
    const auto last_old =
        connection_.Number(LastOldSql(names_, "table_key = $3"),
                           {old.before_ms, old.now_ms, FoldName(history.schema.name)}, Doing(history.schema));
    if (!last_old.ok()) return InStoreWords(last_old.status(), Touched::kOwnTable);
    ASSIGN_OR_RETURN(const std::int64_t over, FindOver(history.schema, opened.versions(names_), bytes_max));
    // The last state that was committed stays, however much a cycle that is under way has written.
    ASSIGN_OR_RETURN(const auto last, LastCommitOf(connection_, names_, history.schema.name));
    const std::int64_t cut = std::max(*last_old, std::min(over, last));
    if (cut > history.known_from) return cut;
    // A cut that was interrupted goes on.
    const auto left =
        connection_.Number(absl::StrCat("SELECT count(*) FROM (SELECT 1 FROM ", opened.versions(names_),
                                        " WHERE ", kVersionUntil, " <= $1 LIMIT 1) AS one"),
                           {history.known_from}, Doing(history.schema));
    if (!left.ok()) return InStoreWords(left.status(), Touched::kMirroredTable);
    return *left != 0 ? history.known_from : 0;
  }

  absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) override {
    ASSIGN_OR_RETURN(const Opened opened, Open(history.schema));
    const auto count = connection_.Number(
        absl::StrCat("SELECT count(*) FROM ", opened.versions(names_), " WHERE ", kVersionWas, " = 1"), {},
        Doing(history.schema));
    if (!count.ok()) return InStoreWords(count.status(), Touched::kMirroredTable);
    return *count;
  }

  absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                            const std::vector<std::uint32_t>& columns, const std::vector<KeyRange>& ranges,
                            std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    const TableSchema& table = history.schema;
    RowBlock block = RowBlock::For(table, columns);
    const absl::Status read = ReadAsOf(history, moment, columns, ranges, /*in_key_order=*/true, go_on,
                                       [&](PostgresStoredRows& stored, const postgres::RowView& row) {
                                         absl::Status added = stored.Append(row, &block);
                                         if (!added.ok() || block.bytes() < block_bytes) return added;
                                         absl::Status taken = take(&block);
                                         block = RowBlock::For(table, columns);
                                         return taken;
                                       });
    if (!read.ok()) return read;
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                         const std::vector<std::uint32_t>& columns,
                                         const GoOn& go_on) override {
    RangeDigest sum;
    RowDigest digest;
    const absl::Status read = ReadAsOf(history, moment, columns, {}, /*in_key_order=*/false, go_on,
                                       [&](PostgresStoredRows& stored, const postgres::RowView& row) {
                                         absl::Status added = stored.Digest(row, &digest);
                                         if (added.ok()) sum.Add(digest.Finish());
                                         return added;
                                       });
    if (!read.ok()) return read;
    return sum;
  }

  absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) override {
    const TableSchema& table = history.schema;
    ASSIGN_OR_RETURN(const Opened opened, Open(table));
    const BoundKey bound(table, key, "m");
    if (!bound.can_be_there()) return absl::OkStatus();
    PostgresStoredRows stored(table, opened.kinds, AllColumns(table));
    VersionGiver giver(take);
    const VersionSql sql = SqlOf(opened);
    const std::string stands =
        absl::StrCat("SELECT ", stored.SelectList("m"), " FROM (SELECT ", sql.LiveColumns(opened.visible),
                     " FROM ONLY ", Qualified(names_.schema_name, table.name), " AS t WHERE true",
                     opened.visible.and_live(), ") AS m WHERE ", bound.same());
    const auto present = connection_.Query(stands, bound.values(), Doing(table));
    if (!present.ok()) return InStoreWords(present.status(), Touched::kMirroredTable);
    if (present->rows() != 0) {
      RowBlock row = RowBlock::For(table, AllColumns(table));
      absl::Status added = stored.Append(*present, 0, &row);
      if (added.ok()) added = giver.Add(INT64_MAX, &row);
      if (!added.ok()) return added;
    }
    return ReadClosed(opened, table, bound, stored, giver);
  }

  absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                               const GoOn& go_on, const TakeRows& take) override {
    const TableSchema& table = history.schema;
    ASSIGN_OR_RETURN(const Opened opened, Open(table));
    const std::vector<std::uint32_t> key = table.Key();
    PostgresStoredRows stored(table, opened.kinds, key);
    const std::string list = stored.SelectList("v");
    // Who takes keys may read rows of theirs before he goes on.
    const std::string cursor = absl::StrCat("_mirror_touched_", ++cursors_);
    absl::Status status = connection_.Execute(
        absl::StrCat("DECLARE ", cursor, " NO SCROLL CURSOR FOR SELECT DISTINCT ", list, " FROM ",
                     opened.versions(names_), " AS v WHERE v.", kVersionUntil, " > ", from, " AND v.",
                     kVersionUntil, " <= ", to, " ORDER BY ", list),
        Doing(table));
    if (!status.ok()) return InStoreWords(status, Touched::kMirroredTable);
    for (bool more = true; more;) {
      RETURN_IF_ERROR(snapshot_.may_go_on(go_on));
      const auto rows =
          connection_.Query(absl::StrCat("FETCH ", kKeyBlockRows, " FROM ", cursor), {}, Doing(table));
      if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
      more = rows->rows() == kKeyBlockRows;
      RowBlock block = RowBlock::For(table, key);
      for (int row = 0; status.ok() && row < rows->rows(); ++row) status = stored.Append(*rows, row, &block);
      if (status.ok() && block.rows() != 0) status = take(&block);
      if (!status.ok()) return status;
    }
    return InStoreWords(connection_.Execute("CLOSE " + cursor, Doing(table)), Touched::kMirroredTable);
  }

 private:
  struct Opened {
    PostgresHistory history;
    PostgresKinds kinds;  ///< Of the table's rows, and of versions of them.
    PostgresVisible visible;

    std::string versions(const PostgresOwnTables& names) const {
      return Qualified(names.schema_name, history.versions);
    }
  };
  using Take = std::function<absl::Status(PostgresStoredRows&, const postgres::RowView&)>;

  static std::string Doing(const TableSchema& table) {
    return absl::StrCat("reading former rows of table '", table.name, "'");
  }

  absl::StatusOr<std::optional<PostgresHistory>> Find(const std::string& table) {
    if (!histories_) {
      ASSIGN_OR_RETURN(histories_, SelectHistories(connection_, names_));
    }
    const auto found = histories_->find(FoldName(table));
    std::optional<PostgresHistory> history;
    if (found != histories_->end()) history = found->second;
    return history;
  }

  /// The moment that ended the last version of those that are too many; 0: none is. Rows are counted: what is
  /// deleted frees no space of the relation at once.
  absl::StatusOr<std::int64_t> FindOver(const TableSchema& table, const std::string& versions,
                                        std::uint64_t bytes_max) {
    const auto size =
        connection_.Number("SELECT pg_total_relation_size(to_regclass($1))", {versions}, Doing(table));
    if (!size.ok()) return InStoreWords(size.status(), Touched::kMirroredTable);
    if (static_cast<std::uint64_t>(*size) <= bytes_max) return 0;
    const auto each = connection_.Number(
        absl::StrCat("SELECT (coalesce(avg(pg_column_size(m.*)), 0) + ", kVersionBytes,
                     ")::bigint FROM (SELECT * FROM ", versions, " LIMIT ", kSampledRows, ") AS m"),
        {}, Doing(table));
    if (!each.ok()) return InStoreWords(each.status(), Touched::kMirroredTable);
    const std::uint64_t stay =
        std::min<std::uint64_t>(bytes_max / static_cast<std::uint64_t>(*each), INT64_MAX);
    // Counted by moment: to sort the rows themselves may take more than there is.
    const auto until = connection_.Number(
        absl::StrCat(
            "SELECT coalesce(max(until), 0) FROM (SELECT until, sum(rows) OVER (ORDER BY until DESC) ",
            "AS newest FROM (SELECT ", kVersionUntil, " AS until, count(*) AS rows FROM ", versions,
            " GROUP BY 1) AS each_moment) AS so_far WHERE newest > $1"),
        {static_cast<std::int64_t>(stay)}, Doing(table));
    if (!until.ok()) return InStoreWords(until.status(), Touched::kMirroredTable);
    return *until;
  }

  /// From then on nobody replaces the table, nor its versions.
  absl::StatusOr<Opened> Open(const TableSchema& table) {
    ASSIGN_OR_RETURN(std::optional<PostgresHistory> kept, Find(table.name));
    if (!kept) return absl::NotFoundError(absl::StrCat("table '", table.name, "' has no history"));
    Opened opened{.history = *std::move(kept), .kinds = {}, .visible = {}};
    const std::string versions = opened.versions(names_);
    const auto there = connection_.Query("SELECT to_regclass($1) IS NOT NULL", {versions}, Doing(table));
    if (!there.ok()) return InStoreWords(there.status(), Touched::kMirroredTable);
    absl::StatusOr<bool> held = there->Bool(0, 0);
    if (*held) held = snapshot_.hold(opened.history.versions, Doing(table));
    if (!held.ok()) return held.status();
    if (!*held) {
      return absl::UnavailableError(
          absl::StrCat("the versions of rows of table '", table.name,
                       "' were set aside when the reading of them began. Nothing was "
                       "read; the same call again is safe."));
    }
    ASSIGN_OR_RETURN(PostgresKinds kinds, snapshot_.touch(table));
    opened.kinds = std::move(kinds);
    ASSIGN_OR_RETURN(PostgresVisible visible, FindVisible(connection_, names_, opened.history.schema));
    opened.visible = std::move(visible);
    return opened;
  }

  VersionSql SqlOf(const Opened& opened) const {
    return {Qualified(names_.schema_name, opened.history.schema.name), opened.versions(names_),
            opened.history.schema, opened.kinds};
  }

  absl::Status ReadAsOf(const TableHistory& history, std::int64_t moment,
                        const std::vector<std::uint32_t>& columns, const std::vector<KeyRange>& ranges,
                        bool in_key_order, const GoOn& go_on, const Take& take) {
    ASSIGN_OR_RETURN(const Opened opened, Open(history.schema));
    PostgresStoredRows stored(history.schema, opened.kinds, columns);
    const PostgresReading reading = {.name = Qualified(names_.schema_name, history.schema.name),
                                     .kept = history.schema,
                                     .select = stored.SelectList("m"),
                                     .in_key_order = in_key_order,
                                     .rows = SqlOf(opened).AsOf(opened.visible, absl::StrCat(moment))};
    return ReadRanges(
        connection_, reading, ranges, [&] { return snapshot_.may_go_on(go_on); },
        [&](const postgres::RowView& row, std::size_t) { return take(stored, row); });
  }

  absl::Status ReadClosed(const Opened& opened, const TableSchema& table, const BoundKey& bound,
                          PostgresStoredRows& stored, VersionGiver& giver) {
    std::vector<postgres::Value> values = bound.values();
    values.emplace_back(INT64_MAX);
    const std::string sql = absl::StrCat(
        "SELECT ", stored.SelectList("m"), ", m.", kVersionWas, "::bigint, m.", kVersionUntil, " FROM ",
        opened.versions(names_), " AS m WHERE ", bound.same(), " AND m.", kVersionUntil, " < $",
        values.size(), " ORDER BY m.", kVersionUntil, " DESC LIMIT ", kVersionsAtOnce);
    while (giver.goes_on()) {
      const auto rows = connection_.Query(sql, values, Doing(table));
      if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
      for (int row = 0; giver.goes_on() && row < rows->rows(); ++row) {
        const std::int64_t until = rows->Int(row, rows->columns() - 1);
        const bool stood = rows->Bool(row, rows->columns() - 2);
        RowBlock block = RowBlock::For(table, AllColumns(table));
        absl::Status added = stood ? stored.Append(*rows, row, &block) : absl::OkStatus();
        if (added.ok()) added = giver.Add(until, stood ? &block : nullptr);
        if (!added.ok()) return added;
        values.back() = until;
      }
      if (rows->rows() < kVersionsAtOnce) break;
    }
    return giver.End();
  }

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  const SnapshotReading snapshot_;
  std::optional<std::map<std::string, PostgresHistory>> histories_;
  int cursors_ = 0;
};

}  // namespace

std::unique_ptr<VersionReader> MakePostgresVersionReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         SnapshotReading snapshot) {
  return std::make_unique<PostgresVersionReader>(connection, names, std::move(snapshot));
}

}  // namespace mirror
