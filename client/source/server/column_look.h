#ifndef MIRROR_CLIENT_SOURCE_SERVER_COLUMN_LOOK_H_
#define MIRROR_CLIENT_SOURCE_SERVER_COLUMN_LOOK_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "client/source/reader.h"
#include "client/source/values/column_facts.h"
#include "client/source/values/value_digest.h"

namespace mirror {

/// See SourceReader::LookAtColumn(): by the server's order, where that is the order of KeyPart, so that an
/// index can answer. Least, greatest and nulls may be of different moments. `ask`: for the one row that is
/// first in the direction "ASC" or "DESC", of those that have a value. `count_nulls`: rows without one.
template <typename Rows, typename Ask, typename CountNulls>
absl::StatusOr<SourceReader::ColumnFacts> FactsByOrder(
    const std::shared_ptr<const typename Rows::Look>& look,
    const std::shared_ptr<const typename Rows::Known>& known, std::uint32_t column, const Ask& ask,
    const CountNulls& count_nulls) {
  SourceReader::ColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    Rows rows(look, known, ask(direction));
    ASSIGN_OR_RETURN(const bool there, rows.Next());
    if (!there) continue;
    *into = KeyPartOf(rows.values().front());
    // To its end: what is left before is cancelled, and its session may end with it.
    if (const absl::StatusOr<bool> more = rows.Next(); !more.ok()) return more.status();
  }
  if (!known->schema.columns[column].nullable) return facts;
  ASSIGN_OR_RETURN(facts.nulls, count_nulls());
  return facts;
}

/// The same by all values.
template <typename Rows>
absl::StatusOr<SourceReader::ColumnFacts> FactsByValues(
    const std::shared_ptr<const typename Rows::Look>& look,
    const std::shared_ptr<const typename Rows::Known>& known, std::uint32_t column) {
  Rows rows(look, known, {{column}});
  return FactsOfValues(known->given.columns[column], rows);
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_COLUMN_LOOK_H_
