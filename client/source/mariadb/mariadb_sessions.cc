#include "client/source/mariadb/mariadb_sessions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/source/server/server_words.h"

namespace mirror {
namespace {

/// Ends the snapshot of an agent that hangs between two statements.
constexpr std::int64_t kIdleInTransactionSeconds = 60;
/// Limit for an idle session, which is then opened again.
constexpr int kIdleSeconds = 3'600;

std::int64_t SecondsOf(std::chrono::milliseconds time) { return (time.count() + 999) / 1'000; }

std::size_t PlaceOfUse(MariadbUse use) { return static_cast<std::size_t>(use); }

}  // namespace

std::string MariadbGrantee(const std::string& current_user) {
  // A host contains no @.
  const std::size_t at = current_user.rfind('@');
  // A role has no host.
  if (at == std::string::npos) return mariadb::AccountInSql(current_user, "");
  return mariadb::AccountInSql(current_user.substr(0, at), current_user.substr(at + 1));
}

mariadb::ConnectAs ConnectToChange(const MariadbAccess& access) {
  mariadb::ConnectAs as;
  as.dsn = access.dsn;
  as.password_file = access.password_file;
  as.program_name = access.program_name;
  as.answer_within = access.rows_within;
  const std::int64_t lock_within = SecondsOf(access.lock_within);
  as.settings = {
      "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
      "SET SESSION TRANSACTION READ WRITE",
      // Stores 0 as a value, even in an auto-increment key.
      "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', "
      "foreign_key_checks = 1, unique_checks = 1, check_constraint_checks = 1, sql_safe_updates = 0",
      absl::StrCat("SET SESSION lock_wait_timeout = ", lock_within,
                   ", innodb_lock_wait_timeout = ", lock_within,
                   ", max_statement_time = 0, idle_transaction_timeout = ", kIdleInTransactionSeconds,
                   ", wait_timeout = ", kIdleSeconds, ", sql_big_selects = 1"),
  };
  return as;
}

MariadbLease::~MariadbLease() {
  if (connection_ != nullptr) sessions_->GiveBack(use_, {look_, std::move(connection_)});
}

mariadb::ConnectAs MariadbSessions::ConnectFor(MariadbUse use) const {
  mariadb::ConnectAs as;
  as.dsn = access_.dsn;
  as.password_file = access_.password_file;
  as.program_name = access_.program_name;
  const bool for_rows = use == MariadbUse::kRows;
  // The server's limit ends first, so that the error has a reason.
  as.answer_within = for_rows ? access_.rows_within : access_.catalogs_within + std::chrono::seconds(5);
  const std::int64_t lock_within = use == MariadbUse::kWatch ? 0 : SecondsOf(access_.lock_within);
  // A row transaction waits until the binlog is read up to its snapshot, however long that takes.
  const std::int64_t idle_within = for_rows
                                       ? std::max(kIdleInTransactionSeconds, SecondsOf(access_.rows_within))
                                       : kIdleInTransactionSeconds;
  as.settings = {
      "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
      "SET SESSION TRANSACTION READ ONLY",
      absl::StrCat("SET SESSION lock_wait_timeout = ", lock_within,
                   ", max_statement_time = ", for_rows ? 0 : SecondsOf(access_.catalogs_within),
                   ", net_write_timeout = ", SecondsOf(access_.rows_within), ", idle_transaction_timeout = ",
                   idle_within, ", wait_timeout = ", kIdleSeconds, ", sql_big_selects = 1"),
  };
  return as;
}

/// Without a connection: no session is free.
absl::StatusOr<MariadbSessions::Free> MariadbSessions::TakeFree(MariadbUse use) {
  {
    const MutexLock lock(mutex_);
    if (taken_[PlaceOfUse(use)] == kReadingsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat(kReadingsMax, " readings of the source are running, which is the maximum"));
    }
    ++taken_[PlaceOfUse(use)];
  }
  for (;;) {
    Free last;
    std::uint64_t look = 0;
    {
      const MutexLock lock(mutex_);
      look = look_;
      std::vector<Free>& free = free_[PlaceOfUse(use)];
      if (free.empty()) return Free{look, nullptr};
      last = std::move(free.back());
      free.pop_back();
    }
    // Without the lock: a server that does not answer blocks no other thread.
    if (!last.connection->IsAlive()) continue;
    // USE makes a session see rights on its database that were granted since.
    if (last.look == look || last.connection->UseAgain().ok()) return Free{look, std::move(last.connection)};
  }
}

absl::StatusOr<MariadbLease> MariadbSessions::Take(MariadbUse use) {
  ASSIGN_OR_RETURN(Free free, TakeFree(use));
  if (free.connection != nullptr) return MariadbLease(this, use, free.look, std::move(free.connection));
  absl::StatusOr<std::unique_ptr<mariadb::Connection>> opened = mariadb::Connection::Open(ConnectFor(use));
  if (!opened.ok()) {
    GiveBack(use, {});
    const bool is_away = mariadb::TroubleOf(opened.status()) == mariadb::Trouble::kNotReady;
    return is_away ? SourceAway(opened.status()) : opened.status();
  }
  return MariadbLease(this, use, free.look, *std::move(opened));
}

void MariadbSessions::GiveBack(MariadbUse use, Free free) {
  const MutexLock lock(mutex_);
  --taken_[PlaceOfUse(use)];
  if (free.connection != nullptr && free.connection->IsOpen())
    free_[PlaceOfUse(use)].push_back(std::move(free));
}

absl::StatusOr<MariadbSource> MariadbSessions::Look() {
  {
    const MutexLock lock(mutex_);
    ++look_;
  }
  ASSIGN_OR_RETURN(MariadbLease lease, Take(MariadbUse::kCatalogs));
  constexpr char kDoing[] = "asking which database it is";
  ASSIGN_OR_RETURN(const mariadb::Rows rows,
                   lease->Query("SELECT CURRENT_USER(), @@global.gtid_domain_id, DATABASE()", kDoing));
  ASSIGN_OR_RETURN(const mariadb::Rows cluster,
                   lease->Query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'", kDoing));
  MariadbSource place;
  place.database = lease->dsn().database;
  place.grantee = MariadbGrantee(rows.Text(0, 0));
  place.name = absl::StrCat("MariaDB, database ", place.database);
  const std::string uuid = cluster.rows() == 0 ? "" : cluster.Text(0, 1);
  // In the server's spelling, which may be lower case.
  const std::string database = rows.Text(0, 2);
  // Without a cluster it is empty, or all zeros.
  const bool has_cluster = uuid.find_first_not_of("0-") != std::string::npos;
  place.identity = has_cluster ? absl::StrCat("mariadb cluster ", uuid, " ", database)
                               : absl::StrCat("mariadb ", rows.Text(0, 1), " ", database);
  return place;
}

}  // namespace mirror
