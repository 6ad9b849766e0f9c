#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_BATCH_TABLE_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_BATCH_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

struct sqlite3;

namespace mirror {

/// The form in which SQLite gets the values of a column.
enum class ValueForm : std::uint8_t {
  kInteger,
  kReal,
  kText,
  kBlob,
  kTextOfInteger,  ///< Sent as a number, stored as a text.
  kTextOfBytes,
  kAny,  ///< Each value has a kind of its own.
};

/// Returns the form of a column. `view`: the column's values in a batch.
ValueForm ValueFormOf(const Column& column, const ColumnView& view);

/// Shows a decoded batch as a table that SQL can read. Column c0 is the batch's first column, the rowid is
/// the index of the row in the batch, and rows come in key order. So one statement applies a whole batch,
/// without a bind call for each value. SQLite reads texts directly from the message.
///
/// Each connection has one BatchTable. Its tables are eponymous virtual tables of several widths, because a
/// connection keeps the columns of a table in memory once it has used the table. The tables have rows only
/// between Show() and Hide(). No schema object may use them (SQLITE_VTAB_DIRECTONLY). Threads: none.
class BatchTable {
 public:
  BatchTable() = default;
  BatchTable(const BatchTable&) = delete;
  BatchTable& operator=(const BatchTable&) = delete;

  /// Registers the tables with `handle`. This object must outlive `handle`. Returns SQLite's result code.
  int Register(sqlite3* handle);

  /// Returns whether a batch can be shown: the message holds every value, and there are not too many columns.
  static bool CanShow(const ChangeBatch& batch);
  /// Returns the name of the narrowest table that has enough columns.
  static std::string NameFor(const ChangeBatch& batch);

  /// Shows the batch until Hide(). Both arguments must not change meanwhile.
  void Show(const TableSchema& schema, const ChangeBatch& batch);
  void Hide();

  /// Returns the index of the row that was read last. An error of a statement belongs to that row.
  std::uint32_t row() const { return row_; }

 private:
  friend struct BatchCursor;
  struct ShownColumn {
    const ColumnView* view;
    const Column* column;
    ValueForm form;
  };

  const ChangeBatch* batch_ = nullptr;
  std::vector<ShownColumn> columns_;  ///< The columns of `batch_`, with their schema.
  std::uint32_t row_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_BATCH_TABLE_H_
