#include "server/store/sqlite/rows/sqlite_rows.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "proto/wire/limits.h"
#include "proto/wire/text_form.h"
#include "proto/wire/value_rules.h"
#include "server/store/live_rows.h"
#include "server/store/missing_rows.h"
#include "server/store/sqlite/file/row_image.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/insert_counter.h"
#include "server/store/sqlite/rows/sqlite_image_insert.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"

namespace mirror {
namespace {

// Messages to people for a batch that neither method can write.

/// Returns the error for SQLite's `code` at row `row`. For a constraint: kFailedPrecondition, with the
/// partner's unique indexes. Otherwise: that of SqliteConnection::ToStatus.
absl::Status RefusedRow(SqliteConnection& connection, const std::string& target, const TableSchema& schema,
                        int code, std::uint32_t row) {
  const std::string place = absl::StrCat("table '", schema.name, "', row ", row);
  if ((code & 0xff) != SQLITE_CONSTRAINT) return connection.ToStatus(code, place);
  std::string indexes;
  if (absl::StatusOr<Query> query = connection.Prepare(
          "SELECT name FROM temp.pragma_index_list(?1) WHERE \"unique\" = 1 AND origin = 'c'");
      query.ok()) {
    query->Bind(1, std::string_view(target));
    for (absl::StatusOr<bool> found = query->Step(); found.ok() && *found; found = query->Step()) {
      absl::StrAppend(&indexes, indexes.empty() ? "'" : "' or '", query->Text(0));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat(place, ": ",
                   indexes.empty() ? std::string("a constraint refuses it")
                                   : absl::StrCat("the partner's unique index ", indexes, "' refuses it"),
                   ". Nothing of this batch was applied. ",
                   indexes.empty() ? "Somebody added it to the table: drop it. Or type 'mirrorctl "
                                     "invalidate': the next cycle then makes the table again without it."
                                   : "The source's rows need not be unique there: drop that index."));
}

/// The right to have whole values in memory, which takes twice their size. In the whole process only one row
/// at a time has it. The code that writes the row owns the right until the row is written, and passes it to
/// the code that assembles values. It is the last lock to be taken: no call under it waits for another lock.
class AssemblyTurn {
 public:
  /// Waits for the right, unless this row has it already.
  void Take() {
    static Mutex mutex;
    if (!lock_) lock_.emplace(mutex);
  }

 private:
  std::optional<MutexLock> lock_;
};

std::string Where(const TableSchema& schema) {
  std::string where;
  for (const std::uint32_t index : schema.Key()) {
    absl::StrAppend(&where, where.empty() ? " WHERE " : " AND ", QuoteName(schema.columns[index].name),
                    " = ?", index + 1);
  }
  return where;
}

/// Returns the SQL. In every statement ?n stands for column n - 1 of the schema. The next parameter is the
/// time, for a mark.
std::string StatementSql(const std::string& target, const TableSchema& schema, const ChangeBatch& batch) {
  const std::string table = QuoteName(target);
  if (batch.operation == Operation::kDelete) {
    return absl::StrCat(RemoveSql(schema, target, "", absl::StrCat("?", schema.columns.size() + 1)),
                        Where(schema), AndLive(schema, ""));
  }
  if (batch.operation == Operation::kUpdate) {
    std::string set;
    for (const ColumnView& view : batch.columns) {
      const Column& column = schema.columns[view.column];
      // An ANY key may come as 1.0 if 1 is stored. The last form is kept.
      if (column.key_position != 0 && column.type != Type::kAny) continue;
      absl::StrAppend(&set, set.empty() ? "" : ", ", QuoteName(column.name), " = ?", view.column + 1);
    }
    return absl::StrCat("UPDATE", OrAbort(schema), " ", table, " SET ", set, Where(schema),
                        AndLive(schema, ""));
  }
  std::string names, places, set;
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    const Column& column = schema.columns[i];
    const std::string name = QuoteName(column.name);
    absl::StrAppend(&names, i == 0 ? "" : ", ", name);
    absl::StrAppend(&places, i == 0 ? "?" : ", ?", i + 1);
    if (column.key_position == 0 || column.type == Type::kAny) {
      absl::StrAppend(&set, set.empty() ? "" : ", ", name, " = excluded.", name);
    }
  }
  // The alias avoids a conflict: a table named "excluded" would hide the `excluded` of the upsert.
  std::string sql = absl::StrCat("INSERT", OrAbort(schema), " INTO ", table, " AS _mirror_target (", names,
                                 OwnNames(schema), ") VALUES (", places, OwnValues(schema), ")");
  const std::vector<std::uint32_t> key = schema.Key();
  if (key.empty()) return sql;
  absl::StrAppend(&set, Revive(schema, set));
  absl::StrAppend(&sql, " ON CONFLICT (", NameList(schema, key), ") DO ",
                  set.empty() ? "NOTHING" : absl::StrCat("UPDATE SET ", set));
  return sql;
}

std::string PlaceOf(const TableSchema& schema, const Column& column, std::uint32_t row) {
  return absl::StrCat("table '", schema.name, "', column '", column.name, "', row ", row);
}

struct BlobCloser {
  void operator()(sqlite3_blob* blob) const { sqlite3_blob_close(blob); }
};

class RowWriter {
 public:
  RowWriter(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
            std::int64_t now_ms, sqlite3_stmt* statement)
      : connection_(connection),
        target_(target),
        schema_(*apply.schema),
        batch_(*apply.batch),
        cycle_(apply.cycle),
        statement_(statement),
        text_forms_(batch_.columns.size()) {
    integer_key_ = HasIntegerKey(schema_);
    const int mark = static_cast<int>(schema_.columns.size()) + 1;
    if (sqlite3_bind_parameter_count(statement_) == mark) sqlite3_bind_int64(statement_, mark, now_ms);
  }

  ~RowWriter() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;

  absl::Status WriteAll(RowsWritten* written) {
    std::optional<InsertCounter> counter;
    if (batch_.operation == Operation::kInsert && !schema_.Key().empty()) {
      ASSIGN_OR_RETURN(const OwnPlaces own, FindOwnPlaces(connection_, target_, schema_));
      counter.emplace(connection_.handle(), own);
    }
    if (absl::Status status = WriteEach(written); !status.ok()) {
      // Only the error for missing rows names the missing rows.
      written->missing_rows.clear();
      return status;
    }
    if (!written->missing_rows.empty()) return RowsMissing(schema_, batch_, written);
    if (batch_.operation == Operation::kInsert) {
      written->added = counter ? counter->inserted() : batch_.row_count;
    }
    return ForgetParts();
  }

 private:
  absl::Status WriteEach(RowsWritten* written) {
    const bool sorted = batch_.key_order.empty();
    for (std::uint32_t i = 0; i < batch_.row_count; ++i) {
      const std::uint32_t row = sorted ? i : batch_.key_order[i];
      RETURN_IF_ERROR(WriteRow(row, written));
      if (written->more_missing) break;
    }
    return absl::OkStatus();
  }

  absl::Status WriteRow(std::uint32_t row, RowsWritten* written) {
    sqlite3* const db = connection_.handle();
    AssemblyTurn turn;
    streamed_.clear();
    RETURN_IF_ERROR(BindRow(row, &turn));
    const int code = sqlite3_step(statement_);
    sqlite3_reset(statement_);
    assembled_.clear();
    if (code != SQLITE_DONE) return RefusedRow(connection_, target_, schema_, code, row);
    if (batch_.operation == Operation::kUpdate && sqlite3_changes(db) == 0) {
      if (written->missing_rows.size() < kMissingKeysMax) {
        written->missing_rows.push_back(row);
      } else {
        written->more_missing = true;
      }
      return absl::OkStatus();
    }
    if (batch_.operation == Operation::kDelete) written->added -= sqlite3_changes(db);
    return StreamValues(row, &turn);
  }

  absl::Status BindRow(std::uint32_t row, AssemblyTurn* turn) {
    for (std::size_t c = 0; c < batch_.columns.size(); ++c) {
      const ColumnView& view = batch_.columns[c];
      const int place = static_cast<int>(view.column) + 1;
      if (view.IsNull(row)) {
        sqlite3_bind_null(statement_, place);
        continue;
      }
      const Column& column = schema_.columns[view.column];
      switch (view.storage) {
        case Storage::kInts:
          if (HasTextForm(column.type)) {
            BindTextForm(c, place, WriteTextForm(column, view.ints[row], {}, text_forms_[c].data()));
          } else {
            sqlite3_bind_int64(statement_, place, view.ints[row]);
          }
          break;
        case Storage::kDoubles:
          BindDouble(place, view.doubles[row]);
          break;
        case Storage::kBytes:
          if (column.type == Type::kUuid) {
            BindTextForm(c, place, WriteTextForm(column, 0, view.At(row).bytes, text_forms_[c].data()));
            break;
          }
          if (view.large.empty()) {
            const std::uint32_t start = view.starts[row];
            BindBytes(place, {view.data.data() + start, view.starts[row + 1] - start},
                      column.type != Type::kBytes);
            break;
          }
          [[fallthrough]];
        case Storage::kAny:
          if (absl::Status status = BindValue(place, column, view.At(row), row, turn); !status.ok()) {
            return status;
          }
          break;
      }
    }
    return absl::OkStatus();
  }

  void BindTextForm(std::size_t column, int place, std::size_t length) {
    sqlite3_bind_text(statement_, place, text_forms_[column].data(), static_cast<int>(length), SQLITE_STATIC);
  }

  void BindDouble(int place, double value) {
    sqlite3_bind_double(statement_, place, value == 0 ? 0.0 : value);
  }

  void BindBytes(int place, std::string_view bytes, bool text) {
    const char* const data = bytes.data() == nullptr ? "" : bytes.data();
    if (text) {
      sqlite3_bind_text64(statement_, place, data, bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
    } else {
      sqlite3_bind_blob64(statement_, place, data, bytes.size(), SQLITE_STATIC);
    }
  }

  absl::Status BindValue(int place, const Column& column, const Value& value, std::uint32_t row,
                         AssemblyTurn* turn) {
    const bool text = column.type == Type::kAny ? value.kind != Kind::kBlob : column.type != Type::kBytes;
    switch (value.kind) {
      case Kind::kNull:
        sqlite3_bind_null(statement_, place);
        return absl::OkStatus();
      case Kind::kInteger:
        sqlite3_bind_int64(statement_, place, value.integer);
        return absl::OkStatus();
      case Kind::kReal:
        BindDouble(place, value.real);
        return absl::OkStatus();
      default:
        break;
    }
    if (value.large == nullptr) {
      BindBytes(place, value.bytes, text);
      return absl::OkStatus();
    }
    used_values_.push_back(value.large->value_id);
    RETURN_IF_ERROR(CheckComplete(column, *value.large, row));
    // A blob in a rowid table is written piece by piece. Any other value has to be in memory as a whole.
    if (!text && integer_key_) {
      sqlite3_bind_zeroblob64(statement_, place, value.large->size);
      streamed_.push_back({&column, value.large});
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(std::string whole, Assemble(*value.large, turn));
    const bool raw = value.kind == Kind::kRawText;
    if (text && (raw ? IsStoredAsNumber(column, whole) : !HoldsText(column, whole))) {
      return absl::InvalidArgumentError(absl::StrCat(PlaceOf(schema_, column, row), ": ",
                                                     WhyNotText(column, whole),
                                                     ". Nothing of this batch was applied."));
    }
    assembled_.push_back(std::move(whole));
    BindBytes(place, assembled_.back(), text);
    return absl::OkStatus();
  }

  absl::Status CheckComplete(const Column& column, const LargeValue& large, std::uint32_t row) {
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("SELECT coalesce(sum(length(data)), 0) FROM "
                                                      "_mirror_parts WHERE table_name = ?1 AND value_id = ?2 "
                                                      "AND cycle = ?3"));
    query.Bind(1, schema_.name).Bind(2, static_cast<std::int64_t>(large.value_id)).Bind(3, cycle_);
    if (absl::StatusOr<bool> found = query.Step(); !found.ok()) return found.status();
    if (query.Int(0) == static_cast<std::int64_t>(large.size)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        PlaceOf(schema_, column, row), ": ", query.Int(0), " of ", large.size,
        " bytes of the value have arrived. Nothing of this batch was applied. Send the missing parts, "
        "then the batch again."));
  }

  template <typename Take>
  absl::Status ForEachPart(const LargeValue& large, Take take) {
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare("SELECT data, offset FROM _mirror_parts WHERE table_name = ?1 AND "
                                         "value_id = ?2 AND cycle = ?3 ORDER "
                                         "BY offset"));
    query.Bind(1, schema_.name).Bind(2, static_cast<std::int64_t>(large.value_id)).Bind(3, cycle_);
    while (true) {
      ASSIGN_OR_RETURN(bool row, query.Step());
      if (!row) return absl::OkStatus();
      RETURN_IF_ERROR(take(query.Text(0), query.Int(1)));
    }
  }

  absl::StatusOr<std::string> Assemble(const LargeValue& large, AssemblyTurn* turn) {
    turn->Take();
    std::string whole;
    whole.reserve(large.size);
    RETURN_IF_ERROR(ForEachPart(large, [&whole](const std::string& data, std::int64_t) {
      whole += data;
      return absl::OkStatus();
    }));
    return whole;
  }

  absl::Status StreamValues(std::uint32_t row, AssemblyTurn* turn) {
    for (const auto& [column, large] : streamed_) {
      const std::int64_t rowid = batch_.Find(schema_.Key()[0])->ints[row];
      RETURN_IF_ERROR(StreamValue(*column, *large, rowid, row, turn));
    }
    return absl::OkStatus();
  }

  absl::Status StreamValue(const Column& column, const LargeValue& large, std::int64_t rowid,
                           std::uint32_t row, AssemblyTurn* turn) {
    ASSIGN_OR_RETURN(const bool by_rowid, KeyIsRowid(connection_, target_, schema_));
    if (!by_rowid) return WriteWhole(column, large, rowid, turn);
    sqlite3_blob* opened = nullptr;
    int code = sqlite3_blob_open(connection_.handle(), "main", target_.c_str(), column.name.c_str(), rowid, 1,
                                 &opened);
    const std::unique_ptr<sqlite3_blob, BlobCloser> blob(opened);
    // A column that the partner indexed cannot be written in pieces.
    if ((code & 0xff) == SQLITE_ERROR) return WriteWhole(column, large, rowid, turn);
    if (code != SQLITE_OK) return connection_.ToStatus(code, PlaceOf(schema_, column, row));
    return ForEachPart(large, [&](const std::string& data, std::int64_t offset) {
      code = sqlite3_blob_write(blob.get(), data.data(), static_cast<int>(data.size()),
                                static_cast<int>(offset));
      return code == SQLITE_OK ? absl::OkStatus() : connection_.ToStatus(code, PlaceOf(schema_, column, row));
    });
  }

  absl::Status WriteWhole(const Column& column, const LargeValue& large, std::int64_t rowid,
                          AssemblyTurn* turn) {
    ASSIGN_OR_RETURN(std::string whole, Assemble(large, turn));
    ASSIGN_OR_RETURN(Query update,
                     connection_.Prepare(absl::StrCat(
                         "UPDATE", OrAbort(schema_), " ", QuoteName(target_), " SET ", QuoteName(column.name),
                         " = ?1 WHERE ", QuoteName(schema_.columns[schema_.Key()[0]].name), " = ?2")));
    return update.BindBlob(1, whole).Bind(2, rowid).Run();
  }

  absl::Status ForgetParts() {
    for (const std::uint64_t id : used_values_) {
      ASSIGN_OR_RETURN(Query query, connection_.Prepare(
                                        "DELETE FROM _mirror_parts WHERE table_name = ?1 AND value_id = ?2"));
      if (absl::Status status = query.Bind(1, schema_.name).Bind(2, static_cast<std::int64_t>(id)).Run();
          !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  SqliteConnection& connection_;
  const std::string& target_;
  const TableSchema& schema_;
  const ChangeBatch& batch_;
  std::int64_t cycle_;
  sqlite3_stmt* statement_;
  bool integer_key_ = false;
  std::vector<std::array<char, kTextFormBytesMax>> text_forms_;
  std::deque<std::string> assembled_;
  std::vector<std::pair<const Column*, const LargeValue*>> streamed_;
  std::vector<std::uint64_t> used_values_;
};

/// Writes a batch with one bound statement for each row, and reads texts directly from the message. It can
/// write every batch, also values in parts. It is the simple method, and the reference for comparisons. See
/// WriteRows.
absl::Status WriteByBindLoop(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                             std::int64_t now_ms, RowsWritten* written) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement,
                   connection.Statement(StatementSql(target, *apply.schema, *apply.batch)));
  return RowWriter(connection, target, apply, now_ms, statement).WriteAll(written);
}

/// With fewer rows the loop is as fast, and needs no check of the plan.
constexpr std::uint32_t kSetRowsMin = 16;
/// Least number of rows for which the table's definition is read. With fewer rows that read takes longer than
/// it saves.
constexpr std::uint32_t kLookRowsMin = 200;
/// Maximum width of the key range per row of a dense batch: about one page of short rows.
constexpr std::uint64_t kDenseKeysMax = 20;

/// Returns c0 for the batch's first column, and so on. `column`: an index in the schema.
std::string BatchColumn(const ChangeBatch& batch, std::uint32_t column) {
  const auto found = std::find_if(batch.columns.begin(), batch.columns.end(),
                                  [&](const ColumnView& view) { return view.column == column; });
  return absl::StrCat("c", found - batch.columns.begin());
}

/// Returns SQL that compares the keys. `alias`: the target's name in the statement.
std::string SameKey(const TableSchema& schema, const ChangeBatch& batch, std::string_view alias) {
  std::string where;
  for (const std::uint32_t column : schema.Key()) {
    absl::StrAppend(&where, where.empty() ? "" : " AND ", std::string(alias), ".",
                    QuoteName(schema.columns[column].name), " = b.", BatchColumn(batch, column));
  }
  return where;
}

/// Returns whether an UPDATE sets the column. A key does not change. But an ANY key may come as 1.0 if 1 is
/// stored, and the last form is kept.
bool IsSet(const Column& column) { return column.key_position == 0 || column.type == Type::kAny; }

/// Action for a row whose key exists in the target.
enum class IfThere : std::uint8_t { kNever, kUpdate, kReplace };

/// Returns the batch's columns in the target's order. In any other order SQLite copies each value once more.
/// `order`: the schema's columns in the target's order, if the batch has all of them. Null: the order is
/// unknown, but mostly that of the schema.
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
  // OR FAIL is used here and below. The caller rolls back a refused batch, so SQLite need not keep the former
  // content of every page for that.
  std::string sql =
      absl::StrCat("INSERT OR ", if_there == IfThere::kReplace ? "REPLACE" : "FAIL", " INTO ",
                   QuoteName(target), " AS _mirror_target (", names, OwnNames(schema), ") SELECT ", values,
                   OwnValues(schema), " FROM ", BatchTable::NameFor(batch), " AS b");
  if (if_there != IfThere::kUpdate) return sql;
  absl::StrAppend(&set, Revive(schema, set));
  // Without WHERE true the parser takes ON for a part of a join.
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

/// Shows a batch to the connection's statements.
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

  /// Returns PlainOrder(). If it is present, rows may be replaced. Then SQLite need not read the former
  /// values, which saves a seventh of the time of an upsert.
  absl::StatusOr<std::optional<std::vector<std::uint32_t>>> Order() {
    if (batch_.columns.size() != schema_.columns.size()) return std::nullopt;
    if (method_ != ApplyMethod::kSet && batch_.row_count < kLookRowsMin) return std::nullopt;
    return PlainOrder(connection_, target_, schema_);
  }

  /// Returns false if nothing was written.
  absl::StatusOr<bool> InsertImages() {
    ASSIGN_OR_RETURN(const std::optional<std::vector<std::uint32_t>> order, Order());
    if (!order || !RowImage::CanHold(schema_, batch_)) return false;
    return InsertAsImages(connection_, target_, schema_, batch_, *order);
  }

  /// Returns whether all rows come after the target's last row, as in a population in key order.
  absl::StatusOr<bool> AllNew() {
    const std::vector<std::uint32_t> key = schema_.Key();
    if (key.empty()) return true;
    std::string values, backwards;
    for (const std::uint32_t column : key) {
      const char* const comma = values.empty() ? "" : ", ";
      absl::StrAppend(&values, comma, BatchColumn(batch_, column));
      absl::StrAppend(&backwards, comma, QuoteName(schema_.columns[column].name), " DESC");
    }
    // Reads only the last row. For a condition on several columns SQLite would search by the first column
    // only.
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

  /// Returns whether the plan reads the batch once, from our own table, and searches the target's rows by
  /// key. It is checked each time, because SQLite makes a new plan when the partner changes definitions or
  /// statistics.
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

/// Returns whether one statement for the whole batch can replace the bind loop. The message must hold every
/// value. For a DELETE the key must be one column, because SQLite searches a key of several columns only by
/// the first.
bool CanApplyAsSet(const TableSchema& schema, const ChangeBatch& batch) {
  return batch.row_count > 0 && BatchTable::CanShow(batch) &&
         (batch.operation != Operation::kDelete || schema.Key().size() == 1);
}

/// Returns whether that is also faster, according to measurements.
bool IsFasterAsSet(const TableSchema& schema, const ChangeBatch& batch) {
  if (batch.row_count < kSetRowsMin) return false;
  if (batch.operation != Operation::kUpdate) return true;
  // UPDATE FROM collects rows before it writes them. This is faster if neighbours are on the same pages.
  if (!HasIntegerKey(schema)) return false;
  const auto keys = batch.Find(schema.Key()[0])->ints;
  const auto [least, most] = std::minmax_element(keys.begin(), keys.end());
  const std::uint64_t width = static_cast<std::uint64_t>(*most) - static_cast<std::uint64_t>(*least);
  return width / batch.row_count < kDenseKeysMax;
}

/// Writes a batch with one statement that reads BatchTable. Absent: nothing was done, because SQLite's plan
/// would read the whole target (for example because of an ANALYZE that the partner ran when the table was
/// small), or would not read BatchTable (because the partner has a table of its name). Otherwise returns what
/// WriteRows() returns.
std::optional<absl::Status> WriteAsSet(SqliteConnection& connection, const std::string& target,
                                       const ApplyRows& apply, ApplyMethod method, std::int64_t now_ms,
                                       RowsWritten* written) {
  return SetWriter(connection, target, apply, method, now_ms).Write(written);
}

}  // namespace

absl::Status WriteRows(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                       ApplyMethod method, std::int64_t now_ms, RowsWritten* written) {
  const bool as_set = method == ApplyMethod::kSet ||
                      (method == ApplyMethod::kBest && IsFasterAsSet(*apply.schema, *apply.batch));
  if (as_set && CanApplyAsSet(*apply.schema, *apply.batch)) {
    std::optional<absl::Status> status = WriteAsSet(connection, target, apply, method, now_ms, written);
    if (status) return *std::move(status);
  }
  return WriteByBindLoop(connection, target, apply, now_ms, written);
}

absl::Status WritePart(SqliteConnection& connection, const std::string& table, std::int64_t cycle,
                       const KeepPart& part, std::int64_t value_bytes_max) {
  ASSIGN_OR_RETURN(
      Query known,
      connection.Prepare(
          "SELECT coalesce(sum(length(data)) FILTER (WHERE table_name = ?1 AND value_id = ?2), 0), "
          "coalesce(sum(length(data)), 0) FROM _mirror_parts WHERE cycle = ?3"));
  known.Bind(1, table).Bind(2, static_cast<std::int64_t>(part.value_id)).Bind(3, cycle);
  if (absl::StatusOr<bool> row = known.Step(); !row.ok()) return row.status();
  const std::int64_t held = known.Int(0);
  const auto offset = static_cast<std::int64_t>(part.offset);
  const auto size = static_cast<std::int64_t>(part.data.size());
  // This part is stored already. The message that brings a part limits its size.
  if (offset >= 0 && offset < held && size <= held - offset) return absl::OkStatus();
  if (offset != held) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "': a part at byte ", offset, " of a value arrived, but the mirror has ", held,
        " bytes of this value. Nothing was stored. Send its parts in order."));
  }
  if (held + size > value_bytes_max || known.Int(1) + size > 2 * value_bytes_max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "table '", table, "': values that were sent in parts exceed the limit of ", value_bytes_max,
        " bytes for one value, or twice that for all values that wait for their batch. Nothing "
        "was stored. Send the batches of the waiting values first, or leave the column out."));
  }
  ASSIGN_OR_RETURN(Query insert, connection.Prepare("INSERT INTO _mirror_parts (table_name, cycle, value_id, "
                                                    "offset, data) VALUES (?1, ?2, ?3, ?4, ?5)"));
  return insert.Bind(1, table)
      .Bind(2, cycle)
      .Bind(3, static_cast<std::int64_t>(part.value_id))
      .Bind(4, offset)
      .BindBlob(5, part.data)
      .Run();
}

}  // namespace mirror
