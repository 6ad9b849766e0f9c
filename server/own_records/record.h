#ifndef MIRROR_SERVER_OWN_RECORDS_RECORD_H_
#define MIRROR_SERVER_OWN_RECORDS_RECORD_H_

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/status_macros.h"
#include "server/own_records/column.h"
#include "server/own_records/own_table.h"

// Describes one of our own tables once: the type of its rows in memory, and for each column the member that
// it stores. From this come CREATE, SELECT, INSERT and UPDATE, and the binding and reading of values.
//
//     struct Seen { std::string name; std::int64_t at = 0; std::optional<std::int64_t> gone = {}; };
//     using Of = ColumnsOf<Seen>;
//     constexpr std::array kSeenColumns = {Of::Member<&Seen::name>("name", {.key = true}),
//                                          Of::Member<&Seen::at>("at"), Of::Member<&Seen::gone>("gone")};
//     const Record<Seen>& SeenRecord() {
//       static const Record<Seen> record("seen", kSeenColumns);
//       return record;
//     }
//
// sqlite_record.h and postgres_record.h bind and read such rows. Threads: any, since nothing here changes.

namespace mirror {

/// The fields of one row, in the order of the record's columns, which must outlive it.
class Fields {
 public:
  Fields(absl::Span<const ColumnShape> columns, std::vector<Field> values)
      : columns_(columns), values_(std::move(values)) {}

  std::size_t size() const { return values_.size(); }
  const ColumnShape& column(std::size_t at) const { return columns_[at]; }
  const Field& operator[](std::size_t at) const { return values_[at]; }
  const Field& Of(std::string_view column) const { return values_[PlaceOf(columns_, column)]; }
  /// Replaces the row's value.
  void Set(std::string_view column, Field value) { values_[PlaceOf(columns_, column)] = std::move(value); }
  /// Copies the texts that it only views.
  void Own();

 private:
  absl::Span<const ColumnShape> columns_;
  std::vector<Field> values_;
};

template <typename Row>
class Record : public OwnTable {
 public:
  /// `columns` must outlive this object.
  Record(std::string_view name, absl::Span<const RecordColumn<Row>> columns, const TableOptions& options = {})
      : OwnTable(name, {columns.begin(), columns.end()}, options), columns_(columns) {}

  /// Returns the fields of `row`, which view its texts.
  Fields Write(const Row& row) const {
    std::vector<Field> values;
    values.reserve(columns_.size());
    for (const RecordColumn<Row>& column : columns_) {
      values.push_back(column.get(row));
      if (column.empty_is_null && values.back().text().empty()) values.back() = Field();
    }
    return {columns(), std::move(values)};
  }

  /// Returns the field of a column, counted from 0, of a reader's current row.
  using FieldAt = absl::FunctionRef<Field(int column, ColumnKind kind)>;
  /// Makes a row. Errors: those of the functions that read a column's text.
  absl::StatusOr<Row> Read(FieldAt field_at) const {
    Row row;
    int place = 0;
    for (const RecordColumn<Row>& column : columns_) {
      RETURN_IF_ERROR(column.set(field_at(place++, column.kind), row));
    }
    return row;
  }
  /// Reads the packed columns only; `row` keeps the others.
  absl::Status ReadPacked(FieldAt field_at, Row& row) const {
    for (const std::size_t at : packed()) {
      RETURN_IF_ERROR(columns_[at].set(field_at(static_cast<int>(at), columns_[at].kind), row));
    }
    return absl::OkStatus();
  }

 private:
  const absl::Span<const RecordColumn<Row>> columns_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_OWN_RECORDS_RECORD_H_
