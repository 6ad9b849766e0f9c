#include "server/store/sqlite/rows/sqlite_set_apply.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/limits.h"
#include "server/store/live_rows.h"
#include "server/store/missing_rows.h"
#include "server/store/sqlite/file/row_image.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"
#include "server/store/sqlite/rows/insert_counter.h"
#include "server/store/sqlite/rows/sqlite_image_insert.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_refusals.h"

namespace mirror {
namespace {

/// Below this the loop is as fast, and needs no look at the plan.
constexpr std::uint32_t kSetRowsMin = 16;
/// Below this it does not pay to look at the table's definition.
constexpr std::uint32_t kLookRowsMin = 200;
/// Keys for each row of a batch that is called dense: about one page of short rows.
constexpr std::uint64_t kDenseKeysMax = 20;

/// c0 is the batch's first column; `column` is an index of the schema.
std::string BatchColumn(const ChangeBatch& batch, std::uint32_t column) {
  const auto found = std::find_if(batch.columns.begin(), batch.columns.end(),
                                  [&](const ColumnView& view) { return view.column == column; });
  return absl::StrCat("c", found - batch.columns.begin());
}

/// `alias` is the target's name in the statement.
std::string SameKey(const TableSchema& schema, const ChangeBatch& batch, std::string_view alias) {
  std::string where;
  for (const std::uint32_t column : schema.Key()) {
    absl::StrAppend(&where, where.empty() ? "" : " AND ", std::string(alias), ".",
                    QuoteName(schema.columns[column].name), " = b.", BatchColumn(batch, column));
  }
  return where;
}

/// Whether a column of an existing row is set. The key is what it is; but an ANY key may come as 1.0 where 1
/// stands, and is stored as it was sent last.
bool IsSet(const Column& column) { return column.key_position == 0 || column.type == Type::kAny; }

/// What is to happen to a row whose key is there.
enum class IfThere : std::uint8_t { kNever, kUpdate, kReplace };

/// The batch's columns in the order in which the target has them: SQLite copies each value once more in any
/// other. `order`: the schema's columns as they stand there, where the batch has all; null: unknown, and
/// mostly the schema's.
std::vector<std::size_t> InOrder(const ChangeBatch& batch, const std::vector<std::uint32_t>* order) {
  std::vector<std::uint32_t> place(order == nullptr ? 0 : order->size());
  for (std::uint32_t i = 0; i < place.size(); ++i) place[(*order)[i]] = i;
  const auto place_of = [&](std::size_t i) {
    const std::uint32_t column = batch.columns[i].column;
    return order == nullptr ? column : place[column];
  };
  std::vector<std::size_t> columns(batch.columns.size());
  std::iota(columns.begin(), columns.end(), 0);
  std::sort(columns.begin(), columns.end(),
            [&](std::size_t one, std::size_t other) { return place_of(one) < place_of(other); });
  return columns;
}

std::string InsertSql(const std::string& target, const TableSchema& schema, const ChangeBatch& batch,
                      const std::vector<std::uint32_t>* order, IfThere if_there) {
  std::string names, values, set;
  for (const std::size_t i : InOrder(batch, order)) {
    const Column& column = schema.columns[batch.columns[i].column];
    const std::string name = QuoteName(column.name);
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    absl::StrAppend(&values, values.empty() ? "b.c" : ", b.c", i);
    if (IsSet(column)) absl::StrAppend(&set, set.empty() ? "" : ", ", name, " = excluded.", name);
  }
  // OR FAIL here and below: a batch that is refused is taken back by who called, and SQLite need not keep the
  // former content of every page for that.
  std::string sql =
      absl::StrCat("INSERT OR ", if_there == IfThere::kReplace ? "REPLACE" : "FAIL", " INTO ",
                   QuoteName(target), " AS _mirror_target (", names, OwnNames(schema), ") SELECT ", values,
                   OwnValues(schema), " FROM ", BatchTable::NameFor(batch), " AS b");
  if (if_there != IfThere::kUpdate) return sql;
  absl::StrAppend(&set, Revive(schema, set));
  // WHERE true: without it the parser takes ON for a join's.
  absl::StrAppend(&sql, " WHERE true ON CONFLICT (", NameList(schema, schema.Key()), ") DO ",
                  set.empty() ? "NOTHING" : absl::StrCat("UPDATE SET ", set));
  return sql;
}

std::string UpdateSql(const std::string& target, const TableSchema& schema, const ChangeBatch& batch) {
  std::string set;
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    const Column& column = schema.columns[batch.columns[i].column];
    if (IsSet(column)) {
      absl::StrAppend(&set, set.empty() ? "" : ", ", QuoteName(column.name), " = b.c", i);
    }
  }
  return absl::StrCat("UPDATE OR FAIL ", QuoteName(target), " AS _mirror_target SET ", set, " FROM ",
                      BatchTable::NameFor(batch), " AS b WHERE ", SameKey(schema, batch, "_mirror_target"),
                      AndLive(schema, "_mirror_target"));
}

std::string DeleteSql(const std::string& target, const TableSchema& schema, const ChangeBatch& batch) {
  const std::uint32_t key = schema.Key()[0];
  return absl::StrCat(RemoveSql(schema, target, "", "?1"), " WHERE ", QuoteName(schema.columns[key].name),
                      " IN (SELECT ", BatchColumn(batch, key), " FROM ", BatchTable::NameFor(batch), ")",
                      AndLive(schema, ""));
}

/// Keeps a batch in sight of the connection's statements.
class Shown {
 public:
  Shown(BatchTable& table, const ApplyRows& apply) : table_(table) {
    table_.Show(*apply.schema, *apply.batch);
  }
  ~Shown() { table_.Hide(); }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;

 private:
  BatchTable& table_;
};

class SetWriter {
 public:
  SetWriter(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
            ApplyMethod method, std::int64_t now_ms)
      : connection_(connection),
        target_(target),
        method_(method),
        now_ms_(now_ms),
        schema_(*apply.schema),
        batch_(*apply.batch),
        shown_(connection.batch_table(), apply) {}

  std::optional<absl::Status> Write(RowsWritten* written) {
    const bool insert = batch_.operation == Operation::kInsert;
    const bool update = batch_.operation == Operation::kUpdate;
    const std::string sql = insert   ? InsertSql(target_, schema_, batch_, nullptr,
                                               schema_.Key().empty() ? IfThere::kNever : IfThere::kUpdate)
                            : update ? UpdateSql(target_, schema_, batch_)
                                     : DeleteSql(target_, schema_, batch_);
    ASSIGN_OR_RETURN(bool seeks, Seeks(sql));
    if (!seeks) return std::nullopt;
    if (insert) return Insert(sql, written);
    RETURN_IF_ERROR(Run(sql));
    const int changed = sqlite3_changes(connection_.handle());
    if (!update) {
      written->added = -changed;
      return absl::OkStatus();
    }
    return static_cast<std::uint32_t>(changed) == batch_.row_count ? absl::OkStatus() : FindMissing(written);
  }

 private:
  absl::Status Insert(const std::string& sql, RowsWritten* written) {
    ASSIGN_OR_RETURN(bool all_new, AllNew());
    if (all_new) {
      written->added = batch_.row_count;
      ASSIGN_OR_RETURN(const bool inserted, InsertImages());
      return inserted ? absl::OkStatus() : Run(InsertSql(target_, schema_, batch_, nullptr, IfThere::kNever));
    }
    ASSIGN_OR_RETURN(const OwnPlaces own, FindOwnPlaces(connection_, target_, schema_));
    ASSIGN_OR_RETURN(const std::optional<std::vector<std::uint32_t>> order, Order());
    const InsertCounter counter(connection_.handle(), own);
    absl::Status status = Run(order ? InsertSql(target_, schema_, batch_, &*order, IfThere::kReplace) : sql);
    written->added = counter.inserted();
    return status;
  }

  /// Present: rows may be replaced, for which SQLite need not look at what stands in their columns: a seventh
  /// of its time for an upsert.
  absl::StatusOr<std::optional<std::vector<std::uint32_t>>> Order() {
    if (batch_.columns.size() != schema_.columns.size()) return std::nullopt;
    if (method_ != ApplyMethod::kSet && batch_.row_count < kLookRowsMin) return std::nullopt;
    return PlainOrder(connection_, target_, schema_);
  }

  /// False: nothing is written.
  absl::StatusOr<bool> InsertImages() {
    ASSIGN_OR_RETURN(const std::optional<std::vector<std::uint32_t>> order, Order());
    if (!order || !RowImage::CanHold(schema_, batch_)) return false;
    return InsertAsImages(connection_, target_, schema_, batch_, *order);
  }

  /// No row of the target comes after the batch's first: what a population in key order looks like.
  absl::StatusOr<bool> AllNew() {
    const std::vector<std::uint32_t> key = schema_.Key();
    if (key.empty()) return true;
    std::string values, backwards;
    for (const std::uint32_t column : key) {
      const char* const comma = values.empty() ? "" : ", ";
      absl::StrAppend(&values, comma, BatchColumn(batch_, column));
      absl::StrAppend(&backwards, comma, QuoteName(schema_.columns[column].name), " DESC");
    }
    // Of the last row alone: a range of several columns would be sought by its first.
    ASSIGN_OR_RETURN(Query last, connection_.Prepare(
                                     absl::StrCat("SELECT (", NameList(schema_, key), ") >= (SELECT ", values,
                                                  " FROM ", BatchTable::NameFor(batch_), " LIMIT 1) FROM ",
                                                  QuoteName(target_), " ORDER BY ", backwards, " LIMIT 1")));
    ASSIGN_OR_RETURN(bool row, last.Step());
    return !row || last.Int(0) == 0;
  }

  absl::Status Run(const std::string& sql) {
    ASSIGN_OR_RETURN(sqlite3_stmt * statement, connection_.Statement(sql));
    if (sqlite3_bind_parameter_count(statement) == 1) sqlite3_bind_int64(statement, 1, now_ms_);
    const int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (code == SQLITE_DONE) return absl::OkStatus();
    return RefusedRow(connection_, target_, schema_, code, connection_.batch_table().row());
  }

  /// The batch is read once, from our own table, and the target's rows are found by their key. Asked each
  /// time: SQLite plans anew when the partner changes definitions or statistics.
  absl::StatusOr<bool> Seeks(const std::string& sql) {
    ASSIGN_OR_RETURN(Query plan, connection_.Prepare("EXPLAIN QUERY PLAN " + sql));
    bool reads_batch = false;
    while (true) {
      ASSIGN_OR_RETURN(bool row, plan.Step());
      if (!row) return reads_batch;
      constexpr int kDetail = 3;
      const std::string detail = plan.Text(kDetail);
      if (!absl::StartsWith(detail, "SCAN ")) continue;
      if (!absl::StrContains(detail, " VIRTUAL TABLE ")) return false;
      reads_batch = true;
    }
  }

  absl::Status FindMissing(RowsWritten* written) {
    ASSIGN_OR_RETURN(Query query, connection_.Prepare(absl::StrCat(
                                      "SELECT b.rowid FROM ", BatchTable::NameFor(batch_),
                                      " AS b WHERE NOT EXISTS (SELECT 1 FROM ", QuoteName(target_),
                                      " AS t WHERE ", SameKey(schema_, batch_, "t"), AndLive(schema_, "t"),
                                      ") LIMIT ", kMissingKeysMax + 1)));
    while (true) {
      ASSIGN_OR_RETURN(bool row, query.Step());
      if (!row) break;
      if (written->missing_rows.size() == kMissingKeysMax) {
        written->more_missing = true;
        break;
      }
      written->missing_rows.push_back(static_cast<std::uint32_t>(query.Int(0)));
    }
    return RowsMissing(schema_, batch_, written);
  }

  SqliteConnection& connection_;
  const std::string& target_;
  const ApplyMethod method_;
  const std::int64_t now_ms_;
  const TableSchema& schema_;
  const ChangeBatch& batch_;
  Shown shown_;
};

}  // namespace

bool CanApplyAsSet(const TableSchema& schema, const ChangeBatch& batch) {
  return batch.row_count > 0 && BatchTable::CanShow(batch) &&
         (batch.operation != Operation::kDelete || schema.Key().size() == 1);
}

bool IsFasterAsSet(const TableSchema& schema, const ChangeBatch& batch) {
  if (batch.row_count < kSetRowsMin) return false;
  if (batch.operation != Operation::kUpdate) return true;
  // UPDATE FROM collects the rows before it writes them: that pays where neighbours share their pages.
  if (!HasIntegerKey(schema)) return false;
  const auto keys = batch.Find(schema.Key()[0])->ints;
  const auto [least, most] = std::minmax_element(keys.begin(), keys.end());
  const std::uint64_t width = static_cast<std::uint64_t>(*most) - static_cast<std::uint64_t>(*least);
  return width / batch.row_count < kDenseKeysMax;
}

std::optional<absl::Status> WriteAsSet(SqliteConnection& connection, const std::string& target,
                                       const ApplyRows& apply, ApplyMethod method, std::int64_t now_ms,
                                       RowsWritten* written) {
  return SetWriter(connection, target, apply, method, now_ms).Write(written);
}

}  // namespace mirror
