#include "client/source/postgres/postgres_column_look.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/values/column_facts.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

using ColumnFacts = SourceReader::ColumnFacts;

bool HasOwnOrder(const PostgresColumn& column, const Column& announced) {
  const PostgresValueForm form = FormOf(column, announced);
  return announced.type == Type::kDecimal || form == PostgresValueForm::kInteger ||
         form == PostgresValueForm::kOid || form == PostgresValueForm::kDate ||
         form == PostgresValueForm::kTime || form == PostgresValueForm::kTimestamp ||
         form == PostgresValueForm::kReal;
}

/// One end of the column's values.
absl::StatusOr<KeyPart> End(const std::shared_ptr<const PostgresLook>& look,
                            const std::shared_ptr<const KnownPostgresTable>& known, std::uint32_t column,
                            const char* direction) {
  const std::string name = absl::StrCat("t.", QuoteName(known->table.columns[column].name));
  PostgresSourceRows rows(look, known,
                          {{column},
                           absl::StrCat(name, " IS DISTINCT FROM NULL"),
                           absl::StrCat("ORDER BY ", name, " ", direction, " LIMIT 1")});
  ASSIGN_OR_RETURN(const bool there, rows.Next());
  if (!there) return KeyPart();
  KeyPart end = KeyPartOf(rows.values().front());
  // To its end: what is left before is cancelled, and its session may end with it.
  if (const absl::StatusOr<bool> more = rows.Next(); !more.ok()) return more.status();
  return end;
}

absl::StatusOr<ColumnFacts> ByOrder(const std::shared_ptr<const PostgresLook>& look,
                                    const std::shared_ptr<const KnownPostgresTable>& known,
                                    std::uint32_t column) {
  ColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    ASSIGN_OR_RETURN(*into, End(look, known, column, direction));
  }
  if (!known->schema.columns[column].nullable) return facts;
  ASSIGN_OR_RETURN(const std::uint64_t nulls,
                   CountPostgresRows(*look, *known,
                                     absl::StrCat("t.", QuoteName(known->table.columns[column].name),
                                                  " IS NOT DISTINCT FROM NULL")));
  facts.nulls = nulls;
  return facts;
}

}  // namespace

absl::StatusOr<ColumnFacts> LookAtPostgresColumn(const std::shared_ptr<const PostgresLook>& look,
                                                 const std::shared_ptr<const KnownPostgresTable>& known,
                                                 std::uint32_t column) {
  const Column& announced = known->schema.columns[column];
  const bool by_order =
      !known->steps && announced.type != Type::kAny && HasOwnOrder(known->table.columns[column], announced);
  if (by_order) return ByOrder(look, known, column);
  PostgresSourceRows rows(look, known, {{column}});
  return FactsOfValues(known->given.columns[column], rows);
}

}  // namespace mirror
