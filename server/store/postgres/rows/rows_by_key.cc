#include "server/store/postgres/rows/rows_by_key.h"

#include <cstdint>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/postgres/rows/columns_in.h"

namespace mirror {

absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys) {
  RowBlock block = RowBlock::ForAll(kept);
  std::vector<std::uint32_t> columns(kept.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  const PostgresKinds kinds = FirstKinds(kept);
  PostgresStoredRows stored(kept, kinds, columns);
  postgres::Array wanted(postgres::Type::kText);
  for (const std::string& key : keys) wanted.Add(key);
  std::string sql =
      absl::StrCat("SELECT ", stored.SelectList("m"), " FROM ", Qualified(names.schema_name, kept.name),
                   " AS m WHERE m.", QuoteName(kept.columns[kept.Key().front()].name), " = ANY ($1)");
  if (const std::string live = LiveRows(kept, "m"); !live.empty()) absl::StrAppend(&sql, " AND ", live);
  const absl::StatusOr<postgres::Rows> rows =
      connection.Query(sql, {wanted.value()}, absl::StrCat("reading table '", kept.name, "'"));
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
  for (int row = 0; row < rows->rows(); ++row) {
    if (absl::Status added = stored.Append(*rows, row, &block); !added.ok()) return added;
  }
  return block;
}

}  // namespace mirror
