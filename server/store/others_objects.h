#ifndef MIRROR_SERVER_STORE_OTHERS_OBJECTS_H_
#define MIRROR_SERVER_STORE_OTHERS_OBJECTS_H_

#include <string>
#include <vector>

#include "server/store/mirror_contents.h"

namespace mirror {

/// An object in a mirror's database that the mirror did not make, but a partner or a DBA.
struct OthersObject {
  std::string words;          ///< "index 'by_name'", "view 'sales'".
  std::string of_table = {};  ///< The mirrored table that it belongs to; empty: none, or unknown.
  bool is_view = false;
  friend bool operator==(const OthersObject&, const OthersObject&) = default;
};

/// Returns the objects in MirrorContents::left_out that others made. Leaves out tables that were set aside,
/// what the running cycle brought, and journal and history: those are counted elsewhere. In every store the
/// texts have the form "WHAT 'NAME' of 'TABLE'" or "column 'NAME' of table 'TABLE'".
std::vector<OthersObject> OthersObjects(const MirrorContents& contents);

/// Returns the tables in MirrorContents::left_out that were set aside: "table 'a' that was set aside as 'b'".
std::vector<std::string> TablesSetAside(const MirrorContents& contents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_OTHERS_OBJECTS_H_
