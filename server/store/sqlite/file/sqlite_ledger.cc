#include "server/store/sqlite/file/sqlite_ledger.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/plan/hold_keys.h"
#include "server/store/live_rows.h"
#include "server/store/mirror_records.h"
#include "server/store/sqlite/file/sql.h"

namespace mirror {

namespace {

/// About how many keys, spread over all rows, are searched in the shadow before all keys are searched.
constexpr std::int64_t kSampledKeys = 1'000;
/// Number of keys that are searched at each end of the table, because most deletes are there.
constexpr std::int64_t kKeysOfAnEnd = 500;
/// If `may_lose` corresponds to fewer sampled keys, the sample is too inexact, and all keys are counted.
constexpr std::int64_t kTellingKeysMin = 20;
/// How many random numbers are drawn between the lowest and the highest integer key. Each number is equally
/// likely, so each key is, too.
constexpr std::int64_t kDrawnKeys = 4 * kSampledKeys;
/// A name that no table of a source has.
constexpr char kDrawn[] = "_mirror_drawn";
/// If the range is narrower, a search of all keys is as fast.
constexpr std::int64_t kDrawnWidthMin = 100'000;

absl::Status RunOfTable(SqliteConnection& connection, const char* sql, const std::string& table) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return query.Bind(1, table).Run();
}

}  // namespace

absl::Status CreateLedgerTables(SqliteConnection& connection) {
  for (const std::string& sql : {
           CheckTable().CreateMissingSql(kInSqlite),
           HoldTable().CreateMissingSql(kInSqlite),
           std::string("CREATE TABLE IF NOT EXISTS _mirror_hold_keys (hold INTEGER, place INTEGER, key TEXT, "
                       "PRIMARY KEY (hold, place)) WITHOUT ROWID"),
           LossTable().CreateMissingSql(kInSqlite),
       }) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TableCheck>> SelectChecks(SqliteConnection& connection) {
  static const std::string sql = CheckTable().SelectSql(kInSqlite, "ORDER BY table_name");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return ReadRows(CheckTable(), query);
}

absl::Status WriteCheck(SqliteConnection& connection, const TableCheck& check) {
  static const std::string sql = CheckTable().ReplaceSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return WriteRow(CheckTable(), check, std::move(query));
}

absl::Status ForgetCheck(SqliteConnection& connection, const std::string& table) {
  return RunOfTable(
      connection,
      "UPDATE _mirror_checks SET equality = 1, lsn = -1, lineage = x'', checked_ms = 0, rows_differ = 0 "
      "WHERE table_name = ?1",
      table);
}

absl::StatusOr<std::vector<Hold>> SelectHolds(SqliteConnection& connection) {
  static const std::string sql = HoldTable().SelectSql(kInSqlite, "ORDER BY id");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  ASSIGN_OR_RETURN(std::vector<Hold> holds, ReadRows(HoldTable(), query));
  for (Hold& hold : holds) {
    ASSIGN_OR_RETURN(Query keys,
                     connection.Prepare("SELECT key FROM _mirror_hold_keys WHERE hold = ?1 ORDER BY place"));
    ASSIGN_OR_RETURN(hold.keys, keys.Bind(1, static_cast<std::int64_t>(hold.id)).Texts());
  }
  return holds;
}

namespace {

/// Removes keys of holds that no longer exist, or of the hold that is written again.
absl::Status ForgetHoldKeys(SqliteConnection& connection, const Hold* written) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_hold_keys WHERE hold NOT IN (SELECT "
                                                   "id FROM _mirror_holds WHERE kind IS NOT ?1 OR "
                                                   "table_name IS NOT ?2)"));
  if (written == nullptr) return query.BindNull(1).BindNull(2).Run();
  return query.Bind(1, static_cast<std::int64_t>(written->kind)).Bind(2, written->table).Run();
}

absl::Status WriteHoldKeys(SqliteConnection& connection, const Hold& hold) {
  RETURN_IF_ERROR(ForgetHoldKeys(connection, &hold));
  std::int64_t place = 0;
  for (const std::string& key : hold.keys) {
    ASSIGN_OR_RETURN(Query query, connection.Prepare("INSERT INTO _mirror_hold_keys (hold, place, key) "
                                                     "SELECT id, ?3, ?4 FROM _mirror_holds WHERE kind = "
                                                     "?1 AND table_name = ?2"));
    RETURN_IF_ERROR(query.Bind(1, static_cast<std::int64_t>(hold.kind))
                        .Bind(2, hold.table)
                        .Bind(3, ++place)
                        .Bind(4, key)
                        .Run());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteHold(SqliteConnection& connection, const Hold& hold) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(HoldTable().InsertSql(kInSqlite) +
                                      " ON CONFLICT (kind, table_name) DO UPDATE SET rows = excluded.rows, "
                                      "rows_before = excluded.rows_before, tables = excluded.tables, "
                                      "source_id = excluded.source_id, since_ms = excluded.since_ms, state = "
                                      "excluded.state, reason = excluded.reason"));
  Fields fields = HoldTable().Write(hold);
  fields.Set("id", {});  // SQLite assigns the id.
  RETURN_IF_ERROR(BindFields(query, fields).Run());
  return WriteHoldKeys(connection, hold);
}

absl::Status RemoveHold(SqliteConnection& connection, std::uint64_t id) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_holds WHERE id = ?1"));
  absl::Status status = query.Bind(1, static_cast<std::int64_t>(id)).Run();
  return status.ok() ? ForgetHoldKeys(connection, nullptr) : status;
}

absl::Status SettleHolds(SqliteConnection& connection, const std::string& table) {
  absl::Status status =
      RunOfTable(connection, "DELETE FROM _mirror_holds WHERE table_name = ?1 AND table_name <> ''", table);
  return status.ok() ? ForgetHoldKeys(connection, nullptr) : status;
}

absl::StatusOr<std::vector<Loss>> SelectLosses(SqliteConnection& connection, const std::string& table) {
  static const std::string sql = LossTable().SelectSql(kInSqlite, "WHERE table_name = ?1 ORDER BY cycle");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  query.Bind(1, table);
  ASSIGN_OR_RETURN(const std::vector<LossOfTable> rows, ReadRows(LossTable(), query));
  std::vector<Loss> losses;
  for (const LossOfTable& row : rows) losses.push_back(row.loss);
  return losses;
}

absl::Status AddLoss(SqliteConnection& connection, const std::string& table, const Loss& loss,
                     std::int64_t rows) {
  static const std::string sql =
      LossTable().InsertSql(kInSqlite) +
      " ON CONFLICT (table_name, cycle) DO UPDATE SET at_ms = excluded.at_ms, rows = rows + excluded.rows, "
      "committed = 0";
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  LossOfTable row{table, loss};
  row.loss.rows = rows;
  row.loss.committed = false;
  return WriteRow(LossTable(), row, std::move(query));
}

absl::Status MarkLossesCommitted(SqliteConnection& connection, const std::string& table) {
  return RunOfTable(connection,
                    "UPDATE _mirror_losses SET committed = 1 WHERE table_name = ?1 AND committed = 0", table);
}

absl::Status ForgetLosses(SqliteConnection& connection, std::int64_t before_ms) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("DELETE FROM _mirror_losses WHERE committed = 1 AND at_ms < ?1"));
  return query.Bind(1, before_ms).Run();
}

absl::Status ForgetLosses(SqliteConnection& connection, const std::string& table) {
  return RunOfTable(connection, "DELETE FROM _mirror_losses WHERE table_name = ?1", table);
}

absl::Status ForgetLedger(SqliteConnection& connection, const std::string& table) {
  absl::Status status = RunOfTable(connection, "DELETE FROM _mirror_checks WHERE table_name = ?1", table);
  if (status.ok()) status = ForgetLosses(connection, table);
  if (!status.ok()) return status;
  return SettleHolds(connection, table);
}

namespace {

/// Returns whether the table has the columns. Before a population with a new key the visible table may lack a
/// column of that key.
absl::StatusOr<bool> HasColumns(SqliteConnection& connection, const TableSchema& schema,
                                const std::vector<std::uint32_t>& columns) {
  for (const std::uint32_t column : columns) {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare("SELECT 1 FROM temp.pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE"));
    const absl::StatusOr<bool> row = query.Bind(1, schema.name).Bind(2, schema.columns[column].name).Step();
    if (!row.ok() || !*row) return row;
  }
  return true;
}

absl::StatusOr<std::int64_t> Count(SqliteConnection& connection, const std::string& from) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(absl::StrCat("SELECT count(*) FROM ", from)));
  if (const absl::StatusOr<bool> row = query.Step(); !row.ok()) return row.status();
  return query.Int(0);
}

}  // namespace

namespace {

/// SQL for live rows of the table, and for the condition that the shadow lacks such a row, `t`.
struct Absence {
  std::string table, lacks;

  /// Returns SQL to follow the table's name. It selects the rows that the shadow lacks.
  std::string absent() const { return " AS t WHERE " + lacks; }
};

/// Absent: the table has no key, or had another key before.
absl::StatusOr<std::optional<Absence>> AbsenceOf(SqliteConnection& connection, const TableSchema& schema,
                                                 const std::string& shadow) {
  const std::vector<std::uint32_t> key = schema.Key();
  if (key.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const bool same_key, HasColumns(connection, schema, key));
  if (!same_key) return std::nullopt;
  std::string same;
  for (const std::uint32_t column : key) {
    const std::string name = QuoteName(schema.columns[column].name);
    absl::StrAppend(&same, same.empty() ? "" : " AND ", "s.", name, " = t.", name);
  }
  Absence sql{QuoteName(schema.name),
              absl::StrCat("NOT EXISTS (SELECT 1 FROM ", QuoteName(shadow), " AS s WHERE ", same, ")")};
  if (const std::string live = LiveRows(schema, ""); !live.empty()) {
    sql.table = absl::StrCat("(SELECT * FROM ", sql.table, " WHERE ", live, ")");
  }
  return sql;
}

KeyPart StoredPart(const Query& row, int column) {
  switch (row.TypeAt(column)) {
    case sqlite::Type::kInteger:
      return {.kind = Kind::kInteger, .integer = row.Int(column)};
    case sqlite::Type::kReal:
      return {.kind = Kind::kReal, .real = row.Real(column)};
    case sqlite::Type::kNull:
      return {};
    default:
      break;
  }
  const Kind kind = row.TypeAt(column) == sqlite::Type::kText ? Kind::kText : Kind::kBlob;
  return {.kind = kind, .bytes = std::string(row.View(column).substr(0, kHoldKeyBytesMax))};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> AbsentKeys(SqliteConnection& connection, const TableSchema& schema,
                                                    const std::string& shadow) {
  ASSIGN_OR_RETURN(const std::optional<Absence> sql, AbsenceOf(connection, schema, shadow));
  std::vector<std::string> keys;
  if (!sql) return keys;
  const std::vector<std::uint32_t> columns = schema.Key();
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(absl::StrCat("SELECT ", NameList(schema, columns), " FROM ", sql->table,
                                                   sql->absent(), " LIMIT ", kHoldKeysMax)));
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    Key key;
    for (int i = 0; i < query.columns(); ++i) key.push_back(StoredPart(query, i));
    keys.push_back(HoldKeyText(key));
  }
  if (!row.ok()) return row.status();
  return keys;
}

namespace {

/// The number of sampled keys that the shadow lacks, and the number of rows per sampled key.
struct Sample {
  std::int64_t absent = 0, stride = 0;
};

/// Returns SQL for the keys at both ends.
std::string EndsSql(const TableSchema& schema, const std::string& keys) {
  const std::string names = NameList(schema, schema.Key());
  std::string down;
  for (const std::uint32_t column : schema.Key()) {
    absl::StrAppend(&down, down.empty() ? "" : ", ", QuoteName(schema.columns[column].name), " DESC");
  }
  return absl::StrCat("SELECT * FROM (", keys, " ORDER BY ", names, " LIMIT ", kKeysOfAnEnd,
                      ") UNION SELECT * FROM (", keys, " ORDER BY ", down, " LIMIT ", kKeysOfAnEnd, ")");
}

/// Returns whether SQLite searches by the drawn keys. In a table that somebody rebuilt it may not.
absl::StatusOr<bool> FindsDrawn(SqliteConnection& connection, const std::string& sql) {
  ASSIGN_OR_RETURN(Query plan, connection.Prepare("EXPLAIN QUERY PLAN " + sql));
  absl::StatusOr<bool> row = plan.Step();
  for (; row.ok() && *row; row = plan.Step()) {
    constexpr int kDetail = 3;
    if (plan.Text(kDetail).find("USING INTEGER PRIMARY KEY (rowid=?)") != std::string::npos) return true;
  }
  return row;
}

/// Samples random keys. Absent: the keys are no integers, or are too far apart.
absl::StatusOr<std::optional<Sample>> DrawKeys(SqliteConnection& connection, const TableSchema& schema,
                                               const Absence& sql) {
  if (!HasIntegerKey(schema)) return std::nullopt;
  const std::string name = QuoteName(schema.columns[schema.Key()[0]].name);
  const std::string keys = absl::StrCat("SELECT ", name, " FROM ", sql.table, " ORDER BY ", name);
  ASSIGN_OR_RETURN(
      Query ends, connection.Prepare(absl::StrCat("SELECT (", keys, " LIMIT 1), (", keys, " DESC LIMIT 1)")));
  if (const absl::StatusOr<bool> row = ends.Step(); !row.ok()) return row.status();
  const std::int64_t least = ends.Int(0);
  const std::uint64_t width = static_cast<std::uint64_t>(ends.Int(1)) - static_cast<std::uint64_t>(least);
  constexpr std::uint64_t kWidthMax = std::uint64_t{1} << 62;
  if (width < kDrawnWidthMin || width > kWidthMax) return std::nullopt;
  const std::string draw = absl::StrCat(least, " + abs(random() % ", width + 1, ")");
  const std::string drawn = absl::StrCat(
      "WITH RECURSIVE ", kDrawn, "(n, key) AS (SELECT 1, ", draw, " UNION ALL SELECT n + 1, ", draw, " FROM ",
      kDrawn, " WHERE n < ", kDrawnKeys, ") SELECT count(*), coalesce(sum(lacks), 0) FROM (SELECT ",
      sql.lacks, " AS lacks FROM ", kDrawn, " AS d CROSS JOIN ", sql.table, " AS t ON t.", name, " = d.key)");
  ASSIGN_OR_RETURN(const bool finds, FindsDrawn(connection, drawn));
  if (!finds) return std::nullopt;
  ASSIGN_OR_RETURN(Query hits, connection.Prepare(drawn));
  if (const absl::StatusOr<bool> row = hits.Step(); !row.ok()) return row.status();
  if (hits.Int(0) < kSampledKeys) return std::nullopt;
  return Sample{hits.Int(1), static_cast<std::int64_t>(width) / kDrawnKeys};
}

}  // namespace

absl::StatusOr<std::int64_t> CountAbsent(SqliteConnection& connection, const TableSchema& schema,
                                         const std::string& shadow, std::int64_t may_lose) {
  ASSIGN_OR_RETURN(const std::optional<Absence> sql, AbsenceOf(connection, schema, shadow));
  if (!sql) return 0;
  const std::string table = sql->table, absent = sql->absent();
  ASSIGN_OR_RETURN(const std::optional<Sample> drawn, DrawKeys(connection, schema, *sql));
  std::int64_t stride = drawn ? drawn->stride : 0;
  if (!drawn) {
    ASSIGN_OR_RETURN(const std::int64_t rows, Count(connection, table));
    stride = rows / kSampledKeys;
  }
  const std::int64_t telling = stride == 0 ? 0 : may_lose / stride;
  if (telling < kTellingKeysMin) return Count(connection, table + absent);
  const std::string keys = absl::StrCat("SELECT ", NameList(schema, schema.Key()), " FROM ", table);
  std::string sample = EndsSql(schema, keys);
  if (!drawn) absl::StrAppend(&sample, " UNION ", keys, " WHERE random() % ", stride, " = 0");
  ASSIGN_OR_RETURN(const std::int64_t sampled, Count(connection, absl::StrCat("(", sample, ")", absent)));
  // The limit is half of the number of sampled keys that a loss of `may_lose` rows would give on average.
  const std::int64_t all = sampled + (drawn ? drawn->absent : 0);
  return all < telling / 2 ? 0 : Count(connection, table + absent);
}

}  // namespace mirror
