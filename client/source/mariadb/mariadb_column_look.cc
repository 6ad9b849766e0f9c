#include "client/source/mariadb/mariadb_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/server/column_look.h"

namespace mirror {
absl::StatusOr<SourceReader::ColumnFacts> LookAtMariadbColumn(
    const std::shared_ptr<const MariadbLook>& look, const std::shared_ptr<const KnownMariadbTable>& known,
    std::uint32_t column) {
  const MariadbValueForm form = MariadbFormOf(known->schema.columns[column]);
  const bool has_own_order = form == MariadbValueForm::kInteger || form == MariadbValueForm::kDecimal ||
                             form == MariadbValueForm::kDate || form == MariadbValueForm::kTimestamp ||
                             form == MariadbValueForm::kReal;
  if (known->steps || !has_own_order) return FactsByValues<MariadbSourceRows>(look, known, column);
  ASSIGN_OR_RETURN(const std::string quoted, mariadb::QuotedName(known->table.columns[column].name));
  // IS NULL would be true of 0000-00-00, too.
  const std::string is_null = absl::StrCat("t.", quoted, " <=> NULL");
  return FactsByOrder<MariadbSourceRows>(
      look, known, column,
      [&](const char* direction) {
        return MariadbAsk{{column},
                          absl::StrCat("NOT (", is_null, ")"),
                          absl::StrCat("ORDER BY t.", quoted, " ", direction, " LIMIT 1")};
      },
      [&] { return CountMariadbRows(*look, *known, is_null); });
}

}  // namespace mirror
