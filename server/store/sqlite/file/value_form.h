#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_VALUE_FORM_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_VALUE_FORM_H_

#include <cstdint>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// What SQLite is given for the values of a column.
enum class ValueForm : std::uint8_t {
  kInteger,
  kReal,
  kText,
  kBlob,
  kTextOfInteger,  ///< Travels as a number, and is kept as a text.
  kTextOfBytes,
  kAny,  ///< Each value has a kind of its own.
};

/// `view`: the column's values in a batch.
ValueForm ValueFormOf(const Column& column, const ColumnView& view);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_VALUE_FORM_H_
