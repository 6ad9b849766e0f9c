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

/// Rows of a mirrored table as the protocol has them. The one place where a value is turned on its way in.
/// Errors of all: kFailedPrecondition when somebody else wrote a value, or changed a column's type.
class PostgresStoredRows {
 public:
  /// `kept` and `places` outlive it.
  PostgresStoredRows(const TableSchema& kept, const PostgresKinds& places,
                     std::vector<std::uint32_t> columns);

  /// What a SELECT gives, for the other calls: the columns, with `alias` before them where it is not empty.
  std::string SelectList(std::string_view alias = "") const;

  /// The same of "m" with NULL for values of over `bytes_max`, and one column behind it: the row's ctid as a
  /// text, or NULL where there is no such value.
  std::string SelectListWithout(std::size_t bytes_max) const;
  /// Behind that: ", " and how many bytes each value has, in the order of the columns; 0 of those that are
  /// never long.
  std::string SelectSizes() const;
  /// How many columns SelectList() has.
  std::size_t fields() const { return columns_.size() + (has_kinds_ ? 1 : 0); }
  const Column& column(std::size_t index) const { return reads_[index].column; }

  /// A long value on its way into a digest, piece by piece, as it stands in the table.
  class Pieces {
   public:
    /// `kind`: of a value of an ANY column; else that of its column.
    Pieces(const Column& column, PostgresForm form, Kind kind);
    void Begin(std::uint64_t octets, RowDigest* digest) const;
    /// False: no value of that kind has it.
    bool Add(std::string_view piece, RowDigest* digest);
    /// Of all that was added.
    bool IsHeld() const;

   private:
    const bool is_bytes_, is_in_hex_, is_readable_;
    std::optional<TextInPieces> text_;  ///< Of a column whose texts may be too long for it.
  };
  /// Adds the values of a row of SelectListWithout(), in their order. Those that `is_long` are added by
  /// `add_long`.
  absl::Status DigestWith(const postgres::Rows& rows, int row,
                          const std::function<bool(std::size_t index)>& is_long,
                          const std::function<absl::Status(std::size_t index, Pieces& to)>& add_long,
                          RowDigest* digest);
  /// What such a value is refused with; `by`: "wrote it".
  absl::Status NotOfItsType(std::size_t index, std::string_view by) const;

  /// Appends a row of what SelectList() selects to `block`, whose columns are these, in that order. After an
  /// error it is not to be used.
  absl::Status Append(const postgres::RowView& row, RowBlock* block);
  absl::Status Append(const postgres::Rows& rows, int row, RowBlock* block);
  /// Adds its values to `digest`, in that order.
  absl::Status Digest(const postgres::RowView& row, RowDigest* digest);
  absl::Status Digest(const postgres::Rows& rows, int row, RowDigest* digest);

 private:
  /// What is known of a column before any row.
  struct Read {
    const Column& column;
    const postgres::Type type;
    const PostgresForm form;
    const bool has_text_form;
  };
  /// What is viewed is gone with the next call.
  absl::Status ReadValue(const postgres::RowView& row, std::size_t index, Value* value);
  bool ReadTyped(const Read& as, std::string_view binary, Value* value);
  bool ReadAny(const postgres::RowView& row, std::size_t index, Value* value);
  /// Of a value of an ANY column; absent: somebody else changed the kinds.
  std::optional<Kind> KindOfAny(const postgres::RowView& row, std::size_t index) const;
  postgres::RowView ViewOf(const postgres::Rows& rows, int row);

  const TableSchema& kept_;
  const PostgresKinds& places_;
  const std::vector<std::uint32_t> columns_;
  std::vector<Read> reads_;  ///< By column of these.
  bool has_kinds_ = false;   ///< Behind the columns.
  std::string bytes_;
  std::vector<postgres::Type> types_;
  std::vector<std::string_view> fields_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_
