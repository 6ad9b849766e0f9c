#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_VIEWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_VIEWS_H_

#include <string>
#include <string_view>

namespace mirror {

/// A SELECT of the oids of views that the mirror made over its journal and over versions of rows: whatever
/// they are called, they need those, and are its role's. `schema`: its oid, in SQL.
std::string OwnViewsSql(std::string_view schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_VIEWS_H_
