#include "base/db/postgres/older_readers.h"

#include <chrono>
#include <thread>

#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

/// Short transactions of other sessions end within this time.
constexpr std::chrono::seconds kPatience{1};
constexpr std::chrono::milliseconds kLook{50};
constexpr char kLooking[] = "looking for sessions that may see deleted rows";

/// A running transaction with an id, in any database, is part of each snapshot that is taken meanwhile. Old
/// snapshots matter only in their own database.
constexpr char kOlderSql[] =
    "SELECT string_agg(DISTINCT who, ', ') FROM (SELECT format('''%s'' (process %s)', "
    "coalesce(nullif(a.application_name, ''), 'a program'), a.pid), v.xid FROM pg_stat_activity AS a, "
    "LATERAL (VALUES (a.backend_xid, true), (a.backend_xmin, a.datid IS NULL OR a.datname = "
    "current_database())) AS v(xid, counts) WHERE v.counts AND a.pid <> pg_backend_pid() AND a.pid NOT "
    "IN (SELECT pid FROM "
    "pg_stat_progress_vacuum) UNION ALL SELECT format('the replication slot ''%s''', slot_name), xmin "
    "FROM pg_replication_slots UNION ALL SELECT format('the prepared transaction ''%s''', gid), "
    "transaction "
    "FROM pg_prepared_xacts) AS older(who, xid) WHERE age(xid) > age($1::text::xid)";

}  // namespace

absl::StatusOr<std::string> FindOlderReaders(Connection& connection) {
  ASSIGN_OR_RETURN(
      const Rows now,
      connection.Query("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text", {}, kLooking));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    ASSIGN_OR_RETURN(const Rows older, connection.Query(kOlderSql, {{now.Text(0, 0)}}, kLooking));
    if (older.IsNull(0, 0)) return std::string();
    if (std::chrono::steady_clock::now() > until) return older.Text(0, 0);
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace mirror::postgres
