#ifndef MIRROR_CLIENT_SOURCE_FORM_H_
#define MIRROR_CLIENT_SOURCE_FORM_H_

#include <optional>
#include <string>
#include <string_view>

#include "client/source/strategy.h"

namespace mirror {

/// How what changed in a table is found, and in what of it: what was noted in one form says nothing in
/// another. Run state keeps it as a text of up to three words.
struct Form {
  std::optional<Strategy> strategy = {};  ///< Absent: a text of another program, whole in `shape`.
  std::string shape = {};                 ///< A digest of columns and keys; empty: that does not matter.
  std::string rows = {};  ///< A digest of what chooses and turns the rows: forms with the same
                          ///< are of the same rows.
  friend bool operator==(const Form&, const Form&) = default;
};

/// "watermark 0123456789abcdef 0123456789abcdef", "cdc"
std::string ToString(const Form& form);
/// Takes any text; ToString() makes the same one of it.
Form ParseForm(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FORM_H_
