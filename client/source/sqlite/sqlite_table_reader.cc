#include "client/source/sqlite/sqlite_table_reader.h"

#include <cstddef>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_row.h"

namespace mirror {
namespace {

class SqliteTableReader : public TableReader {
 public:
  SqliteTableReader(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                    const std::vector<std::uint32_t>& columns, SqliteCursor cursor, TableLooks looks,
                    ChangeLog* log, std::function<void()> forget)
      : file_(std::move(file)),
        name_(schema.name),
        cursor_(std::move(cursor)),
        taker_(file_, schema, columns, std::move(forget)),
        log_(log),
        looks_(std::move(looks)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    taker_.ResetWeight();
    while (taker_.weight() < size.bytes && block->rows() < size.rows) {
      absl::StatusOr<bool> more = OneLook(size, block, sink);
      // Only now that no lock is held.
      RETURN_IF_ERROR(taker_.SendDeferred(sink));
      if (!more.ok()) return more.status();
      if (!*more) return false;
      if (!heavy_) continue;
      heavy_ = false;
      RETURN_IF_ERROR(taker_.TakeHeavy(
          cursor_, [this] { return looks_.Begin(); }, block, sink));
    }
    return true;
  }

  absl::StatusOr<Position> Seal(const Position& target) override {
    if (log_ == nullptr || !looks_.moved()) return target;
    return log_->Seal(name_, Lsn{*looks_.moved()});
  }

 private:
  absl::StatusOr<bool> OneLook(const BlockSize& size, RowBlock* block, LargeSink* sink) {
    RETURN_IF_ERROR(looks_.Begin());
    const SourceLook look(*file_);
    const bool in_chunks = looks_.in_chunks() && cursor_.can_leave();
    std::size_t rows = 0;
    absl::Status taken;
    ASSIGN_OR_RETURN(const SqliteCursor::Stop stop, cursor_.Take([&](sqlite3_value** values) {
      taken = taker_.Take(values, block, sink);
      return taken.ok() && taker_.weight() < size.bytes && (!in_chunks || ++rows < looks_.rows()) &&
             block->rows() < size.rows;
    }));
    if (!taken.ok()) return taken;
    if (stop == SqliteCursor::Stop::kEnd) {
      absl::Status end = looks_.CheckEnd();
      return end.ok() ? absl::StatusOr<bool>(false) : end;
    }
    heavy_ = stop == SqliteCursor::Stop::kHeavy;
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

}  // namespace

std::unique_ptr<TableReader> ReadRows(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                      const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                      TableLooks looks, ChangeLog* log, std::function<void()> forget) {
  return std::make_unique<SqliteTableReader>(std::move(file), schema, columns, std::move(cursor),
                                             std::move(looks), log, std::move(forget));
}

}  // namespace mirror
