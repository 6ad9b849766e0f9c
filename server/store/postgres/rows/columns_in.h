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

/// Converts rows of a mirrored table to the protocol's values. No other code converts values on the way in.
/// Errors of all: kFailedPrecondition: somebody else wrote a value, or changed a column's type.
class PostgresStoredRows {
 public:
  /// `kept` and `places` must outlive the object.
  PostgresStoredRows(const TableSchema& kept, const PostgresKinds& places,
                     std::vector<std::uint32_t> columns);

  /// Returns the SELECT list that the other calls need: the columns, prefixed by `alias` if it is not empty.
  std::string SelectList(std::string_view alias = "") const;

  /// The same of "m", with NULL for values of over `bytes_max`, and one more column at the end: the row's
  /// ctid as text, or NULL if the row has no such value.
  std::string SelectListWithout(std::size_t bytes_max) const;
  /// Appended after that list: ", " and the byte length of each value, in the order of the columns; 0 for
  /// columns whose values are never long.
  std::string SelectSizes() const;
  /// The number of columns of SelectList().
  std::size_t fields() const { return columns_.size() + (has_kinds_ ? 1 : 0); }
  const Column& column(std::size_t index) const { return reads_[index].column; }

  /// Adds a long value to a digest, piece by piece, as the table stores it.
  class Pieces {
   public:
    /// `kind`: the kind of an ANY column's value; for other columns the kind of the column.
    Pieces(const Column& column, PostgresForm form, Kind kind);
    void Begin(std::uint64_t octets, RowDigest* digest) const;
    /// False: no value of that kind can contain the piece.
    bool Add(std::string_view piece, RowDigest* digest);
    /// Tells whether all added pieces together are a valid value.
    bool IsHeld() const;

   private:
    const bool is_bytes_, is_in_hex_, is_readable_;
    std::optional<TextInPieces> text_;  ///< For a column whose texts may exceed its length.
  };
  /// Adds the values of a row of SelectListWithout(), in their order. For a value with `is_long` it calls
  /// `add_long`.
  absl::Status DigestWith(const postgres::Rows& rows, int row,
                          const std::function<bool(std::size_t index)>& is_long,
                          const std::function<absl::Status(std::size_t index, Pieces& to)>& add_long,
                          RowDigest* digest);
  /// Returns the error for such a value; `by`: "wrote it".
  absl::Status NotOfItsType(std::size_t index, std::string_view by) const;

  /// Appends a row of SelectList() to `block`, whose columns are the same, in that order. After an error the
  /// block must not be used.
  absl::Status Append(const postgres::RowView& row, RowBlock* block);
  absl::Status Append(const postgres::Rows& rows, int row, RowBlock* block);
  /// Adds its values to `digest`, in that order.
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
  /// The kind of an ANY column's value; absent: somebody else changed the kinds.
  std::optional<Kind> KindOfAny(const postgres::RowView& row, std::size_t index) const;
  postgres::RowView ViewOf(const postgres::Rows& rows, int row);

  const TableSchema& kept_;
  const PostgresKinds& places_;
  const std::vector<std::uint32_t> columns_;
  std::vector<Read> reads_;  ///< By column of these.
  bool has_kinds_ = false;   ///< After the columns.
  std::string bytes_;
  std::vector<postgres::Type> types_;
  std::vector<std::string_view> fields_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_
