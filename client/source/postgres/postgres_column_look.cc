#include "client/source/postgres/postgres_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/source/server/column_look.h"

namespace mirror {
namespace {

bool HasOwnOrder(const PostgresColumn& column, const Column& announced) {
  const PostgresValueForm form = FormOf(column, announced);
  return announced.type == Type::kDecimal || form == PostgresValueForm::kInteger ||
         form == PostgresValueForm::kOid || form == PostgresValueForm::kDate ||
         form == PostgresValueForm::kTime || form == PostgresValueForm::kTimestamp ||
         form == PostgresValueForm::kReal;
}

}  // namespace

absl::StatusOr<SourceReader::ColumnFacts> LookAtPostgresColumn(
    const std::shared_ptr<const PostgresLook>& look, const std::shared_ptr<const KnownPostgresTable>& known,
    std::uint32_t column) {
  const Column& announced = known->schema.columns[column];
  const bool by_order =
      !known->steps && announced.type != Type::kAny && HasOwnOrder(known->table.columns[column], announced);
  if (!by_order) return FactsByValues<PostgresSourceRows>(look, known, column);
  const std::string name = absl::StrCat("t.", QuoteName(known->table.columns[column].name));
  return FactsByOrder<PostgresSourceRows>(
      look, known, column,
      [&](const char* direction) {
        return PostgresAsk{{column},
                           absl::StrCat(name, " IS DISTINCT FROM NULL"),
                           absl::StrCat("ORDER BY ", name, " ", direction, " LIMIT 1")};
      },
      [&] { return CountPostgresRows(*look, *known, absl::StrCat(name, " IS NOT DISTINCT FROM NULL")); });
}

}  // namespace mirror
