#include "client/source/odbc/odbc_column_look.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/source/capture/shown_value.h"
#include "client/source/postgres/value_digest.h"

namespace mirror {
namespace {

using OdbcColumnFacts = SourceReader::ColumnFacts;

bool OdbcIsNumberAsText(const KeyPart& part) {
  double real = 0;
  return part.kind == Kind::kText && absl::SimpleAtod(part.bytes, &real) && std::isfinite(real);
}

/// One end of the column's values.
absl::StatusOr<KeyPart> OdbcEnd(const std::shared_ptr<const OdbcLook>& look,
                            const std::shared_ptr<const KnownOdbcTable>& known, std::uint32_t column,
                            const char* direction) {
  const std::string& name = known->table.columns[column].name;
  OdbcAsk ask{{column}, absl::StrCat(name, " IS NOT NULL")};
  ask.order = absl::StrCat("ORDER BY ", name, " ", direction);
  ask.rows_max = 1;
  OdbcSourceRows rows(look, known, std::move(ask));
  const absl::StatusOr<bool> there = rows.Next();
  if (!there.ok()) return there.status();
  return *there ? KeyPartOf(rows.values().front()) : KeyPart();
}

absl::StatusOr<OdbcColumnFacts> OdbcByOrder(const std::shared_ptr<const OdbcLook>& look,
                                    const std::shared_ptr<const KnownOdbcTable>& known,
                                    std::uint32_t column) {
  OdbcColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    absl::StatusOr<KeyPart> end = OdbcEnd(look, known, column, direction);
    if (!end.ok()) return end.status();
    *into = *std::move(end);
  }
  if (!known->schema.columns[column].nullable) return facts;
  const absl::StatusOr<std::uint64_t> nulls = CountOdbcRows(
      *look, *known,
      absl::StrCat(known->table.columns[column].name, " IS NULL"));
  if (!nulls.ok()) return nulls.status();
  facts.nulls = *nulls;
  return facts;
}

absl::StatusOr<OdbcColumnFacts> OdbcByScan(const std::shared_ptr<const OdbcLook>& look,
                                   const std::shared_ptr<const KnownOdbcTable>& known,
                                   std::uint32_t column) {
  const Column& given = known->given.columns[column];
  OdbcColumnFacts facts;
  std::size_t shortest = SIZE_MAX, longest = 0;
  OdbcSourceRows rows(look, known, {{column}});
  absl::StatusOr<bool> more = rows.Next();
  for (; more.ok() && *more; more = rows.Next()) {
    KeyPart part = KeyPartOf(rows.values().front());
    if (part.kind == Kind::kNull) {
      ++facts.nulls;
      continue;
    }
    shortest = std::min(shortest, part.bytes.size());
    longest = std::max(longest, part.bytes.size());
    if (facts.least.kind == Kind::kNull || IsBelow(given, part, facts.least)) facts.least = part;
    if (facts.greatest.kind == Kind::kNull || IsBelow(given, facts.greatest, part))
      facts.greatest = std::move(part);
  }
  if (!more.ok()) return more.status();
  if (given.type == Type::kDecimal) return facts;
  if (IsNumber(facts.least) && !IsNumber(facts.greatest)) {
    facts.trouble = "holds numbers and texts, which sort apart: a text counts as greater than every number";
  } else if (OdbcIsNumberAsText(facts.least) && OdbcIsNumberAsText(facts.greatest) && shortest != longest) {
    facts.trouble = "holds numbers that are kept as texts ('10' comes before '9')";
  }
  return facts;
}

}  // namespace

absl::StatusOr<OdbcColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                 const std::shared_ptr<const KnownOdbcTable>& known,
                                                 std::uint32_t column) {
  const Column& announced = known->schema.columns[column];
  const bool by_order =
      !known->steps && announced.type != Type::kAny && known->table.columns[column].numbers_sort;
  return by_order ? OdbcByOrder(look, known, column) : OdbcByScan(look, known, column);
}

}  // namespace mirror
