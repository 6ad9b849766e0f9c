#include "server/store/postgres/rows/write_copy.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/copy.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/types.h"

namespace mirror {
namespace {

constexpr char kDoingCopy[] = "copying rows";

}  // namespace

absl::StatusOr<bool> MayReplaceRows(postgres::Connection& connection, const PostgresTarget& target,
                                    const TableSchema& schema) {
  if (HasOwned(schema)) return false;
  ASSIGN_OR_RETURN(
      const std::int64_t columns,
      connection.Number(
          "SELECT count(*) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT "
          "attisdropped",
          {{target.name}}, kDoingCopy));
  return static_cast<std::size_t>(columns) == schema.columns.size() + (HasKinds(schema) ? 1 : 0);
}

absl::StatusOr<std::int64_t> CopyRows(postgres::Connection& connection, const PostgresTarget& target,
                                      const ApplyRows& apply, PostgresBatchValues& values,
                                      const std::vector<std::uint32_t>& rows) {
  const bool has_kinds = HasKinds(*apply.schema), has_owned = HasOwned(*apply.schema);
  std::string names;
  for (const ColumnView& view : apply.batch->columns) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", QuoteName(apply.schema->columns[view.column].name));
  }
  if (has_kinds) absl::StrAppend(&names, ", ", kKindsColumn);
  ASSIGN_OR_RETURN(
      postgres::CopyIn copy,
      postgres::CopyIn::Begin(connection,
                              absl::StrCat("COPY ", target.name, " (", names, OwnNames(*apply.schema),
                                           ") FROM STDIN (FORMAT binary)"),
                              kDoingCopy));
  std::vector<postgres::Value> row_values;
  for (const std::uint32_t row : rows) {
    row_values.clear();
    for (std::size_t i = 0; i < apply.batch->columns.size(); ++i) row_values.push_back(values.At(i, row));
    if (has_kinds) row_values.push_back(postgres::Value::Bytes(values.KindsOf(target.kinds, row)));
    if (has_owned) row_values.emplace_back(1);
    RETURN_IF_ERROR(copy.Add(row_values));
  }
  return copy.Finish();
}

}  // namespace mirror
