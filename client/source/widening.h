#ifndef MIRROR_CLIENT_SOURCE_WIDENING_H_
#define MIRROR_CLIENT_SOURCE_WIDENING_H_

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/source/reader.h"

namespace mirror {

/// Values of one column in a source's rows that its declaration does not allow.
struct Misfits {
  bool wide = false;   ///< Values for which the column's type in a mirror has no room.
  bool other = false;  ///< NULL although the column is NOT NULL, or two rows with one key.
};

/// Sets `widened` and `wide_key` of `table` by the findings for the column at `place`. `type`: as the source
/// declares the column. `values`: names for people the values that do not fit that type.
inline void NoteWidening(std::size_t place, const Misfits& found, const std::string& type,
                         const std::string& values, SourceTable* table) {
  const Column& column = table->schema.columns[place];
  table->widened = table->widened || found.wide || found.other;
  if (!found.wide || column.key_position == 0 || !table->wide_key.empty()) return;
  table->wide_key = absl::StrCat(
      "Column '", column.name, "' of its key has the type ", type,
      " at the source, and a row holds a value that a mirror's column of this type cannot hold (", values,
      ").");
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_WIDENING_H_
