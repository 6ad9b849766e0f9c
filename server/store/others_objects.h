#ifndef MIRROR_SERVER_STORE_OTHERS_OBJECTS_H_
#define MIRROR_SERVER_STORE_OTHERS_OBJECTS_H_

#include <string>
#include <vector>

#include "server/store/mirror_contents.h"

namespace mirror {

/// Something in a mirror's database that the mirror did not make: the partner's, or a DBA's.
struct OthersObject {
  std::string words;          ///< "index 'by_name'", "view 'sales'".
  std::string of_table = {};  ///< The mirrored table that it hangs on; empty: none, or not known.
  bool is_view = false;
  friend bool operator==(const OthersObject&, const OthersObject&) = default;
};

/// Of MirrorContents::left_out, what others made: not what was set aside, nor what the running cycle brought,
/// nor journal and history, which are counted.
/// Those words are "WHAT 'NAME' of 'TABLE'" and "column 'NAME' of table 'TABLE'" in every store.
std::vector<OthersObject> OthersObjects(const MirrorContents& contents);

/// Of the same, tables that were set aside: "table 'a' that was set aside as 'b'".
std::vector<std::string> TablesSetAside(const MirrorContents& contents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_OTHERS_OBJECTS_H_
