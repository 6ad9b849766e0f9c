#include "client/source/odbc/odbc_rows.h"

#include "absl/strings/str_cat.h"
#include "client/source/server/column_look.h"

namespace mirror {
absl::StatusOr<SourceReader::ColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                           const std::shared_ptr<const KnownOdbcTable>& known,
                                                           std::uint32_t column) {
  const OdbcColumn& its = known->table.columns[column];
  const bool by_order = !known->steps && known->schema.columns[column].type != Type::kAny && its.numbers_sort;
  if (!by_order) return FactsByValues<OdbcSourceRows>(look, known, column);
  return FactsByOrder<OdbcSourceRows>(
      look, known, column,
      [&](const char* direction) {
        OdbcAsk ask{{column}, absl::StrCat("NOT (", its.is_null, ")")};
        ask.order = absl::StrCat("ORDER BY ", its.name, " ", direction);
        ask.rows_max = 1;
        return ask;
      },
      [&] { return CountOdbcRows(*look, *known, its.is_null); });
}

}  // namespace mirror
