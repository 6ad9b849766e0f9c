#include "client/source/postgres/postgres_column_look.h"

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

using ColumnFacts = SourceReader::ColumnFacts;

bool HasOwnOrder(const PostgresColumn& column, const Column& announced) {
  const PostgresValueForm form = FormOf(column, announced);
  return announced.type == Type::kDecimal || form == PostgresValueForm::kInteger ||
         form == PostgresValueForm::kOid || form == PostgresValueForm::kDate ||
         form == PostgresValueForm::kTime || form == PostgresValueForm::kTimestamp ||
         form == PostgresValueForm::kReal;
}

bool IsNumberAsText(const KeyPart& part) {
  double real = 0;
  return part.kind == Kind::kText && absl::SimpleAtod(part.bytes, &real) && std::isfinite(real);
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
  const absl::StatusOr<bool> there = rows.Next();
  if (!there.ok()) return there.status();
  return *there ? KeyPartOf(rows.values().front()) : KeyPart();
}

absl::StatusOr<ColumnFacts> ByOrder(const std::shared_ptr<const PostgresLook>& look,
                                    const std::shared_ptr<const KnownPostgresTable>& known,
                                    std::uint32_t column) {
  ColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    absl::StatusOr<KeyPart> end = End(look, known, column, direction);
    if (!end.ok()) return end.status();
    *into = *std::move(end);
  }
  if (!known->schema.columns[column].nullable) return facts;
  const absl::StatusOr<std::uint64_t> nulls = CountPostgresRows(
      *look, *known,
      absl::StrCat("t.", QuoteName(known->table.columns[column].name), " IS NOT DISTINCT FROM NULL"));
  if (!nulls.ok()) return nulls.status();
  facts.nulls = *nulls;
  return facts;
}

absl::StatusOr<ColumnFacts> ByScan(const std::shared_ptr<const PostgresLook>& look,
                                   const std::shared_ptr<const KnownPostgresTable>& known,
                                   std::uint32_t column) {
  const Column& given = known->given.columns[column];
  ColumnFacts facts;
  std::size_t shortest = SIZE_MAX, longest = 0;
  PostgresSourceRows rows(look, known, {{column}});
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
  } else if (IsNumberAsText(facts.least) && IsNumberAsText(facts.greatest) && shortest != longest) {
    facts.trouble = "holds numbers that are kept as texts ('10' comes before '9')";
  }
  return facts;
}

}  // namespace

absl::StatusOr<ColumnFacts> LookAtPostgresColumn(const std::shared_ptr<const PostgresLook>& look,
                                                 const std::shared_ptr<const KnownPostgresTable>& known,
                                                 std::uint32_t column) {
  const Column& announced = known->schema.columns[column];
  const bool by_order =
      !known->steps && announced.type != Type::kAny && HasOwnOrder(known->table.columns[column], announced);
  return by_order ? ByOrder(look, known, column) : ByScan(look, known, column);
}

}  // namespace mirror
