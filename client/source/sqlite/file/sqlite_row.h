#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_ROW_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_ROW_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

namespace mirror {

/// Moves rows of one table from statements into blocks, and checks that each value fits its announcement.
/// Long values are deferred: they are sent after the look. Threads: one.
class RowTaker {
 public:
  /// `columns`: the first columns of each row of a statement, in that order. `forget`: called when a value
  /// does not fit, since the types found before are then wrong.
  RowTaker(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
           const std::vector<std::uint32_t>& columns, std::function<void()> forget);

  /// Takes one row. Called in a look; `values` are those of the row. Errors: kAborted if a value does not fit
  /// the announcement; other errors are problems of the table.
  absl::Status Take(sqlite3_value** values, RowBlock* block, LargeSink* sink);
  /// Sends the values that Take() deferred. Called outside of looks.
  absl::Status SendDeferred(LargeSink* sink);
  /// Takes the row at which the cursor stopped with kHeavy, column by column. `begin` begins a look for each
  /// column.
  absl::Status TakeHeavy(SqliteCursor& cursor, const std::function<absl::Status()>& begin, RowBlock* block,
                         LargeSink* sink);

  /// Returns whether the row's values fit their announcement.
  bool Fits(sqlite3_value** values) const;

  /// Bytes taken since ResetWeight().
  std::size_t weight() const { return weight_; }
  void ResetWeight() { weight_ = 0; }

 private:
  struct Field {
    std::uint32_t column = 0;
    Storage storage = Storage::kAny;
    bool nullable = false;
    bool in_key = false;
    std::string name;
  };
  struct Deferred {
    std::uint32_t column = 0;
    std::uint64_t value_id = 0;
    std::string bytes;
  };

  absl::Status Append(sqlite3_value* value, const Field& field, ColumnBuffer* buffer, LargeSink* sink);
  void AppendBytes(std::string_view bytes, Kind kind, const Field& field, ColumnBuffer* buffer,
                   LargeSink* sink);
  absl::Status AppendHeavyField(SqliteCursor& cursor, const std::function<absl::Status()>& begin,
                                const Field& field, ColumnBuffer* buffer, LargeSink* sink);
  absl::Status Misfit(const Field& field) const;
  absl::Status Infinite(const std::string& column) const;

  std::shared_ptr<const SqliteFile> file_;
  std::string table_;
  std::vector<Field> fields_;
  std::function<void()> forget_;
  std::size_t weight_ = 0;
  std::size_t row_bytes_ = 0;  ///< Bytes of the present row in the block.
  std::vector<Deferred> deferred_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_ROW_H_
