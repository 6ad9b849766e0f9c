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

/// The form in which SQLite gets a column's values.
enum class ValueForm : std::uint8_t {
  kInteger,
  kReal,
  kText,
  kBlob,
  kTextOfInteger,  ///< Sent as a number, stored as a text.
  kTextOfBytes,
  kAny,  ///< Each value has its own kind.
};

/// Returns the form. `view`: the column's values in a batch.
ValueForm ValueFormOf(const Column& column, const ColumnView& view);

/// A decoded batch as a table that SQL can read: column c0 is the batch's first column, the rowid is the
/// row's index in the batch, and rows come in key order. One statement then applies a whole batch, without a
/// bind call for each value; SQLite reads the texts straight from the message.
///
/// Each connection has one. Its tables are eponymous virtual tables of several widths, since a connection
/// keeps a table's columns in memory once it has used it. They have rows only between Show() and Hide(), and
/// no schema object may use them (SQLITE_VTAB_DIRECTONLY). Threads: none.
class BatchTable {
 public:
  BatchTable() = default;
  BatchTable(const BatchTable&) = delete;
  BatchTable& operator=(const BatchTable&) = delete;

  /// Registers the tables with `handle`, which this object must outlive. Returns SQLite's result code.
  int Register(sqlite3* handle);

  /// Whether a batch can be shown: the message holds every value, and there are not too many columns.
  static bool CanShow(const ChangeBatch& batch);
  /// Returns the name of the narrowest table that has enough columns.
  static std::string NameFor(const ChangeBatch& batch);

  /// Shows the batch until Hide(); both arguments must stay unchanged meanwhile.
  void Show(const TableSchema& schema, const ChangeBatch& batch);
  void Hide();

  /// Returns the index of the row that was read last: an error refers to that row.
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
