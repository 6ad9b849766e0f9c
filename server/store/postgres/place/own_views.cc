#include "server/store/postgres/place/own_views.h"

#include "absl/strings/str_cat.h"

namespace mirror {

std::string OwnViewsSql(std::string_view schema) {
  return absl::StrCat(
      "SELECT v.oid FROM pg_class AS v JOIN pg_rewrite AS w ON w.ev_class = v.oid JOIN pg_depend AS e ON "
      "e.classid = 'pg_rewrite'::regclass AND e.objid = w.oid AND e.refclassid = 'pg_class'::regclass JOIN "
      "pg_class AS o ON o.oid = e.refobjid AND o.relnamespace = v.relnamespace AND o.relowner = v.relowner "
      "AND o.relkind = 'r' AND o.relname ~ '^_mirror_(journal|versions_[0-9]+)$' WHERE v.relkind = 'v' AND "
      "v.relnamespace = ",
      std::string(schema));
}

}  // namespace mirror
