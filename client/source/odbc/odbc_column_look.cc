#include "client/source/odbc/odbc_column_look.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/values/column_facts.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

using OdbcColumnFacts = SourceReader::ColumnFacts;

/// One end of the column's values.
absl::StatusOr<KeyPart> OdbcEnd(const std::shared_ptr<const OdbcLook>& look,
                                const std::shared_ptr<const KnownOdbcTable>& known, std::uint32_t column,
                                const char* direction) {
  const std::string& name = known->table.columns[column].name;
  OdbcAsk ask{{column}, absl::StrCat("NOT (", known->table.columns[column].is_null, ")")};
  ask.order = absl::StrCat("ORDER BY ", name, " ", direction);
  ask.rows_max = 1;
  OdbcSourceRows rows(look, known, std::move(ask));
  ASSIGN_OR_RETURN(const bool there, rows.Next());
  return there ? KeyPartOf(rows.values().front()) : KeyPart();
}

absl::StatusOr<OdbcColumnFacts> OdbcByOrder(const std::shared_ptr<const OdbcLook>& look,
                                            const std::shared_ptr<const KnownOdbcTable>& known,
                                            std::uint32_t column) {
  OdbcColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    ASSIGN_OR_RETURN(*into, OdbcEnd(look, known, column, direction));
  }
  if (!known->schema.columns[column].nullable) return facts;
  ASSIGN_OR_RETURN(const std::uint64_t nulls,
                   CountOdbcRows(*look, *known, known->table.columns[column].is_null));
  facts.nulls = nulls;
  return facts;
}

}  // namespace

absl::StatusOr<OdbcColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                 const std::shared_ptr<const KnownOdbcTable>& known,
                                                 std::uint32_t column) {
  const Column& announced = known->schema.columns[column];
  const bool by_order =
      !known->steps && announced.type != Type::kAny && known->table.columns[column].numbers_sort;
  if (by_order) return OdbcByOrder(look, known, column);
  OdbcSourceRows rows(look, known, {{column}});
  return FactsOfValues(known->given.columns[column], rows);
}

}  // namespace mirror
