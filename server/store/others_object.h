#ifndef MIRROR_SERVER_STORE_OTHERS_OBJECT_H_
#define MIRROR_SERVER_STORE_OTHERS_OBJECT_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace mirror {

/// Something in a mirror's database that the mirror did not make: the partner's, or a DBA's.
struct OthersObject {
  std::string what;           ///< For people: column, index, trigger, view, table, rights of role, ...
  std::string name;           ///< Empty: it has none.
  std::string of_table = {};  ///< The mirrored table that it hangs on; empty: none, or not known.
  friend bool operator==(const OthersObject&, const OthersObject&) = default;
};

/// "view 'x'", "index 'i'".
inline std::string NameOf(const OthersObject& object) {
  return absl::StrCat(object.what, object.name.empty() ? "" : absl::StrCat(" '", object.name, "'"));
}
/// "view 'x'", "index 'i' of 't'", "column 'c' of table 't'".
inline std::string WordsOf(const OthersObject& object) {
  if (object.of_table.empty()) return NameOf(object);
  return absl::StrCat(NameOf(object), object.what == "column" ? " of table '" : " of '", object.of_table, "'");
}

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_OTHERS_OBJECT_H_
