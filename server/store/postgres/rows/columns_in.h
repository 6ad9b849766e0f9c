#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/db/postgres/rows.h"
#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "proto/wire/text_in_pieces.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/any_kinds.h"

namespace mirror {

/// Converts rows of a mirrored table to the protocol's values. All values that are read are converted here.
/// Errors of all calls: kFailedPrecondition: somebody else wrote a value, or changed the type of a column.
class PostgresStoredRows {
 public:
  /// `kept` and `places` must outlive the object.
  PostgresStoredRows(const TableSchema& kept, const PostgresKinds& places,
                     std::vector<std::uint32_t> columns);

  /// Returns the SELECT list that the other calls need: the columns, with `alias` as prefix if it is not
  /// empty.
  std::string SelectList(std::string_view alias = "") const;

  /// Returns the same list for alias "m", with NULL instead of values of more than `bytes_max`. One more
  /// column at the end has the row's ctid as text, or NULL if the row has no such value.
  std::string SelectListWithout(std::size_t bytes_max) const;
  /// Returns SQL to append to that list: ", " and the length in bytes of each value, in the order of the
  /// columns. It is 0 for columns whose values are never long.
  std::string SelectSizes() const;
  /// Returns the number of columns of SelectList().
  std::size_t fields() const { return columns_.size() + (has_kinds_ ? 1 : 0); }
  const Column& column(std::size_t index) const { return reads_[index].column; }

  /// Adds a long value to a digest, piece by piece, in the form in which the table stores it.
  class Pieces {
   public:
    /// `kind`: for an ANY column the kind of the value, otherwise that of the column.
    Pieces(const Column& column, PostgresForm form, Kind kind);
    void Begin(std::uint64_t octets, RowDigest* digest) const;
    /// False: no value of that kind can contain the piece.
    bool Add(std::string_view piece, RowDigest* digest);
    /// Returns whether all added pieces together are a valid value.
    bool IsHeld() const;

   private:
    const bool is_bytes_, is_in_hex_, is_readable_;
    std::optional<TextInPieces> text_;  ///< For a column whose texts may exceed its length.
  };
  /// Adds the values of a row of SelectListWithout() to `digest`, in their order. Calls `add_long` for each
  /// value for which `is_long` returns true.
  absl::Status DigestWith(const postgres::Rows& rows, int row,
                          const std::function<bool(std::size_t index)>& is_long,
                          const std::function<absl::Status(std::size_t index, Pieces& to)>& add_long,
                          RowDigest* digest);
  /// Returns the error for a value that does not have its column's type. `by`: "wrote it".
  absl::Status NotOfItsType(std::size_t index, std::string_view by) const;

  /// Appends a row of SelectList() to `block`, which has the same columns in the same order. After an error
  /// the block must not be used.
  absl::Status Append(const postgres::RowView& row, RowBlock* block);
  absl::Status Append(const postgres::Rows& rows, int row, RowBlock* block);
  /// Adds the values of a row to `digest`, in the same order.
  absl::Status Digest(const postgres::RowView& row, RowDigest* digest);
  absl::Status Digest(const postgres::Rows& rows, int row, RowDigest* digest);

 private:
  /// Properties of a column that do not depend on a row.
  struct Read {
    const Column& column;
    const postgres::Type type;
    const PostgresForm form;
    const bool has_text_form;
  };
  /// Views in `value` are valid until the next call.
  absl::Status ReadValue(const postgres::RowView& row, std::size_t index, Value* value);
  bool ReadTyped(const Read& as, std::string_view binary, Value* value);
  bool ReadAny(const postgres::RowView& row, std::size_t index, Value* value);
  /// Returns the kind of an ANY column's value. Absent: somebody else changed the kinds.
  std::optional<Kind> KindOfAny(const postgres::RowView& row, std::size_t index) const;
  postgres::RowView ViewOf(const postgres::Rows& rows, int row);

  const TableSchema& kept_;
  const PostgresKinds& places_;
  const std::vector<std::uint32_t> columns_;
  std::vector<Read> reads_;  ///< By index in `columns_`.
  bool has_kinds_ = false;   ///< kKindsColumn follows the columns.
  std::string bytes_;
  std::vector<postgres::Type> types_;
  std::vector<std::string_view> fields_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_
