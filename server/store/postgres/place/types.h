#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_TYPES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_TYPES_H_

#include <cstdint>
#include <string>

#include "base/db/postgres/value.h"
#include "proto/wire/table.h"

// The PostgreSQL type of each protocol column. Each type has only one width, so a column that the source
// widens needs no change here.

namespace mirror {

/// The form in which PostgreSQL stores a column's values.
enum class PostgresForm : std::uint8_t {
  kBool,       ///< boolean
  kInt,        ///< bigint
  kReal,       ///< double precision
  kNumeric,    ///< numeric, without precision and scale: '1.10' keeps its zero.
  kText,       ///< text: for TEXT.
  kBytes,      ///< bytea
  kDate,       ///< date: days from 2000-01-01.
  kTime,       ///< time: microseconds.
  kTimestamp,  ///< timestamp or timestamptz: microseconds from 2000-01-01.
  kUuid,       ///< uuid
  kTextForm,   ///< text: the protocol's text form. For DECIMAL in a key, and for times with units of 100 ns.
  kAny,        ///< text: see kKindsColumn.
};
PostgresForm PostgresFormOf(const Column& column);

/// Returns the declaration of a column, without NOT NULL: "bigint", "text COLLATE \"C\"". A text in a key is
/// sorted by its bytes, as in the protocol.
std::string DeclaredType(const Column& column);
/// Returns the type of the column's values in arrays and in COPY.
postgres::Type ElementType(const Column& column);
/// Returns the name of that type, for casts: unnest($1::bigint[]).
std::string ElementName(const Column& column);

/// Returns the SQL suffix for a value that is compared by the protocol's rules. By those 1.0 and 1.00 are
/// equal as numbers. A DBA's collation may treat texts as equal that have different bytes.
const char* AsCompared(const Column& column);

/// Returns whether the table has an ANY column, and therefore kKindsColumn.
bool HasKinds(const TableSchema& kept);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_TYPES_H_
