#include "server/store/postgres/rows/rows_by_key.h"

#include <cstdint>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/store_records.h"

namespace mirror {

absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys,
                                       std::uint64_t bytes_max) {
  RowBlock block = RowBlock::ForAll(kept);
  std::vector<std::uint32_t> columns(kept.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  const PostgresKinds kinds = FirstKinds(kept);
  PostgresStoredRows stored(kept, kinds, columns);
  postgres::Array wanted(postgres::Type::kText);
  for (const std::string& key : keys) wanted.Add(key);
  std::string from = absl::StrCat(" FROM ", Qualified(names.schema_name, kept.name), " AS m WHERE m.",
                                  QuoteName(kept.columns[kept.Key().front()].name), " = ANY ($1)");
  if (const std::string live = LiveRows(kept, "m"); !live.empty()) absl::StrAppend(&from, " AND ", live);
  const std::string doing = absl::StrCat("reading table '", kept.name, "'");
  if (keys.size() > 1 && bytes_max != kAnyBytes) {
    // All that is asked for is in memory at once.
    std::string sum = "0";
    for (const Column& column : kept.columns)
      absl::StrAppend(&sum, " + coalesce(octet_length(m.", QuoteName(column.name), "::text), 0)");
    const absl::StatusOr<postgres::Rows> bytes = connection.Query(
        absl::StrCat("SELECT coalesce(sum(", sum, "), 0)::bigint", from), {wanted.value()}, doing);
    if (!bytes.ok()) return InStoreWords(bytes.status(), Touched::kMirroredTable);
    if (static_cast<std::uint64_t>(bytes->Int(0, 0)) > bytes_max) return TooManyBytes(kept, bytes_max);
  }
  const absl::StatusOr<postgres::Rows> rows =
      connection.Query(absl::StrCat("SELECT ", stored.SelectList("m"), from), {wanted.value()}, doing);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
  for (int row = 0; row < rows->rows(); ++row) {
    RETURN_IF_ERROR(stored.Append(*rows, row, &block));
  }
  return block;
}

}  // namespace mirror
