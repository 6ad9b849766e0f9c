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

/// The layout of the tables that a server keeps for itself in a schema. Each kind of schema counts its
/// layouts from 1. A table of one row stores the layout, with the columns layout, layout_min and program.
struct SchemaLayout {
  /// The change from the previous layout to this one. A developer who changes the tables of such a schema
  /// increases `present` and adds a step.
  struct Step {
    std::int64_t to = 0;
    std::string sql;  ///< SQL statements. Names include their schema.
    /// True: the step only adds things that older servers do not read. So they can run at the same time as
    /// this one.
    bool older_go_on = true;
    /// Runs after `sql`, in the same transaction. Null: nothing runs.
    std::function<absl::Status(postgres::Connection&)> run = nullptr;
  };
  std::string table;  ///< Quoted, with its schema.
  std::int64_t present = 1;
  std::vector<Step> steps = {};
  /// Checks the owner of the table before the table is read. Null: no other role can own it.
  const MirrorGuard* own = nullptr;
};

/// Raises an older layout to the present one, in a transaction of its own, and records that. Leaves a later
/// layout, or a table without a row, unchanged. If several servers do this at the same time, one of them does
/// it, and the others find it done. Errors: those of PostgreSQL; nothing was changed.
absl::Status RaiseLayout(postgres::Connection& connection, const SchemaLayout& known);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_SCHEMA_LAYOUT_H_
