#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

// A value of an ANY column: a text, whose kind is a byte of the row's kKindsColumn with the number of Kind.
// Numbers are stored as people write them; blobs, and texts that are not UTF-8, in hexadecimal.

namespace mirror {

/// The bytes of kKindsColumn that belong to a table's ANY columns. A column keeps its place as long as it
/// exists; the place of a dropped column is never used again.
struct PostgresKinds {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// By column of the table; kNone: the column is not ANY.
  std::vector<std::size_t> of_column;
  /// One kind per place: the kind of the column's default. It counts in rows that were written before the
  /// place existed.
  std::string defaults;
};

/// The places of a new table: in the order of its columns.
PostgresKinds FirstKinds(const TableSchema& kept);

/// Returns the kind that the column stores: a text by its bytes; some affinities turn a real into an integer.
Kind KeptKind(const Column& column, const Value& value);
/// Writes the text of a value that is not NULL. `kind`: its KeptKind().
void WriteAnyText(Kind kind, const Value& value, std::string* text);
/// Reads what WriteAnyText() wrote. `bytes` holds the bytes that the value views. False: `text` is malformed.
bool ReadAnyText(Kind kind, std::string_view text, std::string* bytes, Value* value);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_
