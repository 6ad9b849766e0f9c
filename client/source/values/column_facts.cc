#include "client/source/values/column_facts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "client/source/capture/shown_value.h"
#include "client/source/values/value_digest.h"

namespace mirror {
namespace {

bool IsNumberAsText(const KeyPart& part) {
  double real = 0;
  return part.kind == Kind::kText && absl::SimpleAtod(part.bytes, &real) && std::isfinite(real);
}

}  // namespace

absl::StatusOr<SourceReader::ColumnFacts> FactsOfValues(const Column& given, ValueRows& rows) {
  SourceReader::ColumnFacts facts;
  std::size_t shortest = SIZE_MAX, longest = 0;
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

}  // namespace mirror
