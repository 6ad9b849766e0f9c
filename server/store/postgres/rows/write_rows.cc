#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/status_macros.h"
#include "proto/wire/text_in_pieces.h"
#include "server/store/missing_rows.h"
#include "server/store/postgres/rows/write_set.h"

namespace mirror {
namespace {

/// From this number of rows on, COPY is faster than an upsert, even with a DELETE before it and a check of
/// the table.
constexpr std::size_t kCopyRowsMin = 200;

// PostgreSQL's limits are 2,704 bytes for a key and 8,160 for a row, after long values were moved to TOAST
// and others were compressed. A row that may exceed them is written alone, so that an error can name it.
constexpr std::size_t kKeyBytesSafe = 2'000, kRowBytesSafe = 7'000;
constexpr std::size_t kValueBytesInRow = 24;

/// Returns the additional time of a statement for the bytes that it writes: one second per megabyte.
std::chrono::milliseconds TimeFor(const ChangeBatch& batch) {
  std::uint64_t bytes = 0;
  for (const ColumnView& view : batch.columns) {
    for (const LargeValue& large : view.large) bytes += large.size;
  }
  return std::chrono::milliseconds(bytes / 1'000);
}

class RowWriter {
 public:
  RowWriter(postgres::Connection& connection, const PostgresTarget& target, const ApplyRows& apply)
      : connection_(connection),
        target_(target),
        apply_(apply),
        schema_(*apply.schema),
        batch_(*apply.batch),
        parts_{target.receipts, apply.schema->name, apply.cycle},
        values_(schema_, batch_),
        set_(connection, target, apply, values_) {}

  absl::Status WriteAll(RowsWritten* written) {
    const postgres::AnswersWithin patience(connection_, connection_.answer_within() + TimeFor(batch_));
    Sort();
    ASSIGN_OR_RETURN(std::int64_t count, WriteTogether());
    for (const std::uint32_t row : alone_) {
      RETURN_IF_ERROR(CheckLarge(row));
      const absl::StatusOr<std::int64_t> one = set_.Write({row});
      if (!one.ok()) return RefusedRows(one.status(), schema_, row);
      count += *one;
    }
    if (batch_.operation != Operation::kUpdate) {
      written->added = count;
    } else if (count != batch_.row_count) {
      RETURN_IF_ERROR(set_.FindMissing(written));
      return RowsMissing(schema_, batch_, written);
    }
    return ForgetParts(connection_, parts_, used_values_);
  }

 private:
  void Sort() {
    const bool writes = batch_.operation != Operation::kDelete;
    std::vector<bool> has_large(batch_.row_count);
    for (const ColumnView& view : batch_.columns) {
      for (const LargeValue& large : view.large) has_large[large.row] = true;
    }
    for (const std::uint32_t column : schema_.Key())
      has_long_key_ |= StorageOf(schema_.columns[column].type) == Storage::kBytes;
    for (std::uint32_t i = 0; i < batch_.row_count; ++i) {
      const std::uint32_t row = batch_.key_order.empty() ? i : batch_.key_order[i];
      (has_large[row] || (writes && MayBeTooLarge(row)) ? alone_ : together_).push_back(row);
    }
  }

  bool MayBeTooLarge(std::uint32_t row) {
    const bool is_wide = batch_.columns.size() > kRowBytesSafe / kValueBytesInRow;
    if (!is_wide && !has_long_key_) return false;
    std::size_t in_key = 0, in_row = 0;
    for (std::size_t i = 0; i < batch_.columns.size(); ++i) {
      const bool key = schema_.columns[batch_.columns[i].column].key_position != 0;
      if (!key && !is_wide) continue;
      const std::size_t size = values_.At(i, row).binary().size();
      if (key) in_key += size;
      in_row += std::min(size + 1, kValueBytesInRow);
    }
    return in_key > kKeyBytesSafe || in_row > kRowBytesSafe;
  }

  absl::StatusOr<std::int64_t> WriteTogether() {
    std::int64_t gone = 0;
    absl::StatusOr<bool> copies = batch_.operation == Operation::kInsert && together_.size() >= kCopyRowsMin;
    const bool has_new_rows = target_.has_new_keys || schema_.Key().empty();
    if (*copies && !has_new_rows) {
      copies = MayReplaceRows(connection_, target_, schema_);
      if (!copies.ok()) return RefusedRows(copies.status(), schema_, std::nullopt);
      if (*copies) {
        absl::Status kept = set_.Keep(together_);
        if (!kept.ok()) return RefusedRows(kept, schema_, std::nullopt);
        const absl::StatusOr<std::int64_t> removed = set_.Remove(together_);
        if (!removed.ok()) return RefusedRows(removed.status(), schema_, std::nullopt);
        gone = *removed;
      }
    }
    const absl::StatusOr<std::int64_t> count =
        *copies ? CopyRows(connection_, target_, apply_, values_, together_) : set_.Write(together_);
    if (count.ok()) {
      RETURN_IF_ERROR(*copies ? CheckNoneKeptOut(schema_, *count, together_.size()) : absl::OkStatus());
      return *count + gone;
    }
    std::optional<std::uint32_t> row;
    const auto copied = static_cast<std::size_t>(postgres::FailureOf(count.status()).copy_row);
    if (copied > 0 && copied <= together_.size()) row = together_[copied - 1];
    return RefusedRows(count.status(), schema_, row);
  }

  /// Checks that the large values of a row are complete, and are valid text where they must be.
  absl::Status CheckLarge(std::uint32_t row) {
    for (const ColumnView& view : batch_.columns) {
      if (view.IsNull(row)) continue;
      const Value value = view.At(row);
      if (value.large == nullptr) continue;
      used_values_.push_back(value.large->value_id);
      const Column& column = schema_.columns[view.column];
      const std::string place =
          absl::StrCat("table '", schema_.name, "', column '", column.name, "', row ", row);
      RETURN_IF_ERROR(CheckComplete(*value.large, place));
      if (value.kind == Kind::kBlob || column.type == Type::kBytes) continue;
      RETURN_IF_ERROR(CheckText(column, value, place));
    }
    return absl::OkStatus();
  }

  absl::Status CheckComplete(const LargeValue& large, const std::string& place) {
    ASSIGN_OR_RETURN(const std::int64_t there, CountPartBytes(connection_, parts_, large.value_id));
    if (there == static_cast<std::int64_t>(large.size)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(place, ": ", there, " of ", large.size,
                                                      " bytes of the value have arrived. Nothing of this "
                                                      "batch was applied. Send the missing parts, then the "
                                                      "batch again."));
  }

  /// Reads the value piece by piece, because others wait for this transaction's locks, and memory is shared.
  absl::Status CheckText(const Column& column, const Value& value, const std::string& place) {
    TextInPieces text(column);
    RETURN_IF_ERROR(ReadParts(connection_, parts_, value.large->value_id,
                              [&text](std::string_view piece) { text.Add(piece); }));
    const bool is_raw = value.kind == Kind::kRawText;
    if (!is_raw && text.HasWholePieces()) set_.NoteWholePieces(value.large->value_id);
    if (is_raw ? !text.IsStoredAsNumber() : text.IsHeld()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": ", text.WhyNot(), ". Nothing of this batch was applied."));
  }

  postgres::Connection& connection_;
  const PostgresTarget& target_;
  const ApplyRows& apply_;
  const TableSchema& schema_;
  const ChangeBatch& batch_;
  const PostgresParts parts_;
  PostgresBatchValues values_;
  PostgresSetWriter set_;
  std::vector<std::uint32_t> together_, alone_;  ///< In key order.
  bool has_long_key_ = false;                    ///< The type of the key allows long keys.
  std::vector<std::uint64_t> used_values_;
};

}  // namespace

absl::Status WriteRows(postgres::Connection& connection, const PostgresTarget& target, const ApplyRows& apply,
                       RowsWritten* written) {
  return RowWriter(connection, target, apply).WriteAll(written);
}

}  // namespace mirror
