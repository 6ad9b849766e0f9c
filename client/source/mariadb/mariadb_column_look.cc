#include "client/source/mariadb/mariadb_column_look.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/values/column_facts.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

using ColumnFacts = SourceReader::ColumnFacts;

/// IS NULL would be true of 0000-00-00, too.
std::string IsThereSql(const std::string& name) { return absl::StrCat("NOT (", name, " <=> NULL)"); }

/// One end of the column's values.
absl::StatusOr<KeyPart> EndOfMariadbColumn(const std::shared_ptr<const MariadbLook>& look,
                                           const std::shared_ptr<const KnownMariadbTable>& known,
                                           std::uint32_t column, const std::string& name,
                                           const char* direction) {
  MariadbSourceRows rows(
      look, known, {{column}, IsThereSql(name), absl::StrCat("ORDER BY ", name, " ", direction, " LIMIT 1")});
  ASSIGN_OR_RETURN(const bool there, rows.Next());
  if (!there) return KeyPart();
  KeyPart end = KeyPartOf(rows.values().front());
  // To its end, or its session would end.
  if (const absl::StatusOr<bool> more = rows.Next(); !more.ok()) return more.status();
  return end;
}

absl::StatusOr<ColumnFacts> FactsByOrder(const std::shared_ptr<const MariadbLook>& look,
                                         const std::shared_ptr<const KnownMariadbTable>& known,
                                         std::uint32_t column) {
  ASSIGN_OR_RETURN(const std::string quoted, mariadb::QuotedName(known->table.columns[column].name));
  const std::string name = absl::StrCat("t.", quoted);
  ColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    ASSIGN_OR_RETURN(*into, EndOfMariadbColumn(look, known, column, name, direction));
  }
  if (!known->schema.columns[column].nullable) return facts;
  ASSIGN_OR_RETURN(const std::uint64_t nulls,
                   CountMariadbRows(*look, *known, absl::StrCat(name, " <=> NULL")));
  facts.nulls = nulls;
  return facts;
}

}  // namespace

absl::StatusOr<ColumnFacts> LookAtMariadbColumn(const std::shared_ptr<const MariadbLook>& look,
                                                const std::shared_ptr<const KnownMariadbTable>& known,
                                                std::uint32_t column) {
  const MariadbValueForm form = MariadbFormOf(known->schema.columns[column]);
  const bool has_own_order = form == MariadbValueForm::kInteger || form == MariadbValueForm::kDecimal ||
                             form == MariadbValueForm::kDate || form == MariadbValueForm::kTimestamp ||
                             form == MariadbValueForm::kReal;
  if (!known->steps && has_own_order) return FactsByOrder(look, known, column);
  MariadbSourceRows rows(look, known, {{column}});
  return FactsOfValues(known->given.columns[column], rows);
}

}  // namespace mirror
