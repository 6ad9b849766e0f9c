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

/// What SQLite is given for the values of a column.
enum class ValueForm : std::uint8_t {
  kInteger,
  kReal,
  kText,
  kBlob,
  kTextOfInteger,  ///< Travels as a number, and is kept as a text.
  kTextOfBytes,
  kAny,  ///< Each value has a kind of its own.
};

/// `view`: the column's values in a batch.
ValueForm ValueFormOf(const Column& column, const ColumnView& view);

/// A decoded batch as a table that SQL can read: column c0 is the batch's first column, the rowid is the
/// row's index in the batch, and rows come in key order. One statement then applies a whole batch, without a
/// bind call for each value; the texts are read straight from the message.
///
/// A connection has one. Its tables are eponymous virtual tables of several widths, since a table's columns
/// stay in the connection's memory once it was used. They answer only while a batch is shown, never to a
/// schema object (SQLITE_VTAB_DIRECTONLY). Threads: none.
class BatchTable {
 public:
  BatchTable() = default;
  BatchTable(const BatchTable&) = delete;
  BatchTable& operator=(const BatchTable&) = delete;

  /// Makes the tables known to `handle`, which this must outlive. Returns SQLite's result code.
  int Register(sqlite3* handle);

  /// Whether a batch can be shown: every value stands in the message, and there are not too many columns.
  static bool CanShow(const ChangeBatch& batch);
  /// The narrowest table that has enough columns.
  static std::string NameFor(const ChangeBatch& batch);

  /// Until Hide(); both must stay as they are meanwhile.
  void Show(const TableSchema& schema, const ChangeBatch& batch);
  void Hide();

  /// Index of the row that was last read: the one that an error is about.
  std::uint32_t row() const { return row_; }

 private:
  friend struct BatchCursor;
  struct ShownColumn {
    const ColumnView* view;
    const Column* column;
    ValueForm form;
  };

  const ChangeBatch* batch_ = nullptr;
  std::vector<ShownColumn> columns_;  ///< Of `batch_`, and what its schema says of them.
  std::uint32_t row_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_BATCH_TABLE_H_
