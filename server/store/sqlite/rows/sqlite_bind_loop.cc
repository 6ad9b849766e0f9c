#include "server/store/sqlite/rows/sqlite_bind_loop.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "proto/wire/limits.h"
#include "proto/wire/text_form.h"
#include "proto/wire/value_rules.h"
#include "server/store/live_rows.h"
#include "server/store/missing_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/rows/insert_counter.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_refusals.h"

namespace mirror {
namespace {

/// One row's turn to hold whole values in memory, which takes twice their size: one row at a time in the
/// whole process. It belongs to who writes the row and ends with it; whoever assembles is handed it. It is
/// the last lock that is taken: nothing that is called under it waits for another.
class AssemblyTurn {
 public:
  /// Waits for it, unless the row has it.
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

/// Parameter ?n is column n - 1 of the schema, in every statement; behind them, for a mark, the time.
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
      // An ANY key may come as 1.0 where 1 stands; it is stored as it was sent last.
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
  // Under another name: a table that is called "excluded" would hide the rows of that name.
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
      // Missing rows are named only where they are what is wrong.
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
    // A blob of a rowid table is written piece by piece; everything else has to stand in memory once.
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

}  // namespace

absl::Status WriteByBindLoop(SqliteConnection& connection, const std::string& target, const ApplyRows& apply,
                             std::int64_t now_ms, RowsWritten* written) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement,
                   connection.Statement(StatementSql(target, *apply.schema, *apply.batch)));
  return RowWriter(connection, target, apply, now_ms, statement).WriteAll(written);
}

}  // namespace mirror
