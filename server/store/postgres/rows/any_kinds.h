#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

// Values of ANY columns: a text, and of what kind it is by a byte of the row's kKindsColumn, whose number is
// that of Kind. Numbers stand there as people write them, blobs and texts that are no UTF-8 in hexadecimal.

namespace mirror {

/// Which bytes of kKindsColumn are those of a table's ANY columns. A column keeps its place for as long as it
/// is there, and nobody gets it afterwards.
struct PostgresKinds {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// By column of the table; kNone: it is not ANY.
  std::vector<std::size_t> of_column;
  /// As many kinds as there are places: what counts in rows that are older than a place, which is the kind of
  /// its column's default.
  std::string defaults;
};

/// Those of a new table: in the order of its columns.
PostgresKinds FirstKinds(const TableSchema& kept);

/// As the column keeps it: a text is one by its bytes, and by some affinities a real is a whole number.
Kind KeptKind(const Column& column, const Value& value);
/// The text of a value that is not NULL. `kind`: its KeptKind().
void WriteAnyText(Kind kind, const Value& value, std::string* text);
/// The way back. `bytes` gets what the value's bytes view. False: `text` is not how that kind is written.
bool ReadAnyText(Kind kind, std::string_view text, std::string* bytes, Value* value);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_ANY_KINDS_H_
