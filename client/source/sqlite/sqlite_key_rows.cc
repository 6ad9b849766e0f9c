#include "client/source/sqlite/sqlite_key_rows.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_row.h"

namespace mirror {
namespace {

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
      // Only now that no lock is held.
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
      // The first term finds the row by its index; the others take no row for another that only compares
      // equal at the source.
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
  bool heavy_ = false;  ///< The cursor stands on a row that has to be read column by column.
};

}  // namespace

std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          std::function<absl::Status()> begin, std::vector<Key> keys,
                                          std::function<void()> forget) {
  return std::make_unique<KeyRows>(std::move(file), schema, columns, std::move(cursor), std::move(begin),
                                   std::move(keys), std::move(forget));
}

}  // namespace mirror
