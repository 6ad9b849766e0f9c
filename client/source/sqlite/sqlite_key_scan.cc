#include "client/source/sqlite/sqlite_key_scan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_row.h"

namespace mirror {
namespace {

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
      // Only now that no lock is held.
      RETURN_IF_ERROR(taker_.SendDeferred(sink));
      if (!std::exchange(heavy_, false)) continue;
      RETURN_IF_ERROR(TakeHeavy(&rows, sink));
    }
    // No row has the keys that are left.
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
      if (!given) return absl::OkStatus();  // No key that anybody asks for.
    }
    if (wanted_.erase(key) == 0) return absl::OkStatus();
    return taker_.TakeHeavy(
        cursor_, [this] { return looks_.Begin(); }, rows, sink);
  }

  std::shared_ptr<const SqliteFile> file_;
  const TableSchema schema_;
  const std::vector<std::uint32_t> columns_, key_;
  std::vector<std::size_t> key_at_;  ///< In a row.
  SqliteCursor cursor_;
  TableLooks looks_;
  RowTaker taker_;
  std::set<Key> wanted_;
  bool heavy_ = false;  ///< The cursor stands on a row that has to be read column by column.
  bool end_ = false;
};

}  // namespace

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

std::unique_ptr<ChangeReader> ScanForKeys(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks, std::vector<Key> keys,
                                          std::function<void()> forget) {
  return std::make_unique<KeyScan>(std::move(file), schema, columns, std::move(cursor), std::move(looks),
                                   std::move(keys), std::move(forget));
}

}  // namespace mirror
