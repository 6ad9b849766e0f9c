#include "server/store/postgres/place/pooler.h"

#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/db/postgres/connection.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// A pooler with several sessions may hand out another one each time.
constexpr int kPoolerLooks = 10;

}  // namespace

absl::StatusOr<bool> IsPooled(const postgres::ConnectAs& connect) {
  std::array<std::unique_ptr<postgres::Connection>, 2> connections;
  for (auto& connection : connections) {
    ASSIGN_OR_RETURN(connection, postgres::Connection::Open(connect));
  }
  std::array<std::set<std::string>, 2> sessions;
  for (int look = 0; look < kPoolerLooks; ++look) {
    for (std::size_t i = 0; i < connections.size(); ++i) {
      // By the simple protocol, which needs no prepared statement.
      ASSIGN_OR_RETURN(const auto row,
                       connections[i]->Command("SELECT pg_backend_pid()", "looking for a pooler"));
      sessions[i].insert(row.Text(0, 0));
      if (sessions[1 - i].contains(row.Text(0, 0))) return true;
    }
  }
  return false;
}

}  // namespace mirror
