#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_SCHEMA_LAYOUT_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_SCHEMA_LAYOUT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/own_names.h"

namespace mirror {

/// How what a server keeps for itself in a schema is arranged: a number for each kind of schema, counted from
/// 1, in a table of one row with the columns layout, layout_min and program.
struct SchemaLayout {
  /// What makes the layout before it the new one. Whoever changes what stands in such a schema raises
  /// `present` and adds one.
  struct Step {
    std::int64_t to = 0;
    std::string sql;  ///< Its statements. Names are with their schema.
    /// It only adds what servers of the layout before do not read: they go on beside this one.
    bool older_go_on = true;
    /// Runs after `sql`, in the same transaction. Null: nothing.
    std::function<absl::Status(postgres::Connection&)> run = nullptr;
  };
  std::string table;  ///< Quoted, with its schema.
  std::int64_t present = 1;
  std::vector<Step> steps = {};
  /// Checks whose the table is before it is read. Null: nobody else can have it.
  const MirrorGuard* own = nullptr;
};

/// Brings an older layout to the present one, in a transaction of its own, and writes that down. A later one
/// is left as it is, and so is one without a row. Of several servers that do it at once one does, and the
/// others find it done. Errors: PostgreSQL's; nothing was changed then.
absl::Status RaiseLayout(postgres::Connection& connection, const SchemaLayout& known);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_SCHEMA_LAYOUT_H_
