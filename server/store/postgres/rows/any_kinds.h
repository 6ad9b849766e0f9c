#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

// A value of an ANY column is stored as a text. Its kind is stored as one byte of the row's kKindsColumn,
// with the number of Kind. Numbers are stored as people write them. Blobs, and texts that are not UTF-8, are
// stored in hexadecimal.

namespace mirror {

/// Which byte of kKindsColumn belongs to which ANY column of a table. A column keeps its byte as long as it
/// exists. The byte of a dropped column is never used again.
struct PostgresKinds {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// By column of the table; kNone: the column is not ANY.
  std::vector<std::size_t> of_column;
  /// One kind for each byte: the kind of the column's default. It is valid for rows that were written before
  /// the byte existed.
  std::string defaults;
};

/// Returns the bytes of a new table: in the order of its columns.
PostgresKinds FirstKinds(const TableSchema& kept);

/// Returns the kind that the column stores. For a text it depends on its bytes. Some affinities convert a
/// real to an integer.
Kind KeptKind(const Column& column, const Value& value);
/// Writes the text of a value that is not NULL. `kind`: the KeptKind() of the value.
void WriteAnyText(Kind kind, const Value& value, std::string* text);
/// Reads a text that WriteAnyText() wrote. `value` may be a view of `bytes`. False: `text` is malformed.
bool ReadAnyText(Kind kind, std::string_view text, std::string* bytes, Value* value);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_
