#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_TYPES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_TYPES_H_

#include <cstdint>
#include <string>

#include "base/db/postgres/value.h"
#include "proto/wire/table.h"

// What a column of the protocol is in PostgreSQL. Types have one width each, so that a column that is widened
// at the source needs no change here.

namespace mirror {

/// In which form PostgreSQL has a column's values.
enum class PostgresForm : std::uint8_t {
  kBool,       ///< boolean
  kInt,        ///< bigint
  kReal,       ///< double precision
  kNumeric,    ///< numeric, without precision and scale: '1.10' keeps its zero.
  kText,       ///< text: TEXT.
  kBytes,      ///< bytea
  kDate,       ///< date: days from 2000-01-01.
  kTime,       ///< time: microseconds.
  kTimestamp,  ///< timestamp or timestamptz: microseconds from 2000-01-01.
  kUuid,       ///< uuid
  kTextForm,   ///< text: the protocol's text form, of DECIMAL in a key and of times to 100 ns.
  kAny,        ///< text: see kKindsColumn.
};
PostgresForm PostgresFormOf(const Column& column);

/// As a column is declared, without NOT NULL: "bigint", "text COLLATE \"C\"". A text of a key is in the order
/// of its bytes, as the protocol has it.
std::string DeclaredType(const Column& column);
/// The type of its values in arrays and in COPY.
postgres::Type ElementType(const Column& column);
/// The name of that type, for casts: unnest($1::bigint[]).
std::string ElementName(const Column& column);

/// Behind a value in SQL where two are compared as the protocol has them: 1.0 and 1.00 are equal as numbers,
/// and a DBA's collation may call other texts equal than bytes do.
const char* AsCompared(const Column& column);

/// Has an ANY column, and with it kKindsColumn.
bool HasKinds(const TableSchema& kept);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_TYPES_H_
