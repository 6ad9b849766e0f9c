#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_SESSIONS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_SESSIONS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "base/mutex.h"

namespace mirror {

/// Returns 'user'@'host' in the form of a GRANT, from the value of CURRENT_USER().
std::string MariadbGrantee(const std::string& current_user);

/// A database, and the time limits for it. The server rounds times to whole seconds: at least 1, unless they
/// are 0.
struct MariadbAccess {
  std::string dsn;                 ///< See mariadb::ReadDsn(). It holds no password.
  std::string password_file = {};  ///< See mariadb::ConnectAs; read at each connect.
  std::string program_name = "mirror-agent";
  /// Maximum wait for a table whose definition another session changes.
  std::chrono::milliseconds lock_within{2'000};
  /// Interval of the check whether a session waits to change a table that is being read. If one waits, the
  /// reading is cancelled, because all other sessions queue after it.
  std::chrono::milliseconds yields_after{1'000};
  /// Maximum wait for answers about the catalogs.
  std::chrono::milliseconds catalogs_within{60'000};
  /// Maximum wait for the next row of a table. Also how long the server keeps a reading that takes no row or
  /// that waits for the binlog.
  std::chrono::milliseconds rows_within{3'600'000};
};

/// Returns how to connect for writing, with settings under which values and statements keep their exact text.
/// Transactions are serializable: a row that was read stays unchanged, and no row appears where none was
/// found.
mariadb::ConnectAs ConnectToChange(const MariadbAccess& access);

/// The server's description of the database.
struct MariadbSource {
  /// "mariadb cluster UUID DATABASE" for a Galera cluster, otherwise "mariadb DOMAIN DATABASE" with its GTID
  /// domain. It has no address: a database may have several addresses, and a replica that takes over has
  /// another one. Servers of one domain are distinguished by their binlogs, see DescentOf().
  std::string identity;
  std::string name;     ///< Its address, for people.
  std::string grantee;  ///< The user in the form of a GRANT.
  std::string database;
};

enum class MariadbUse : std::uint8_t {
  kCatalogs,  ///< For short statements.
  kRows,      ///< A statement may take as long as reading all rows of a table.
  kWatch,     ///< Never waits for a lock.
};

class MariadbSessions;

/// Lends a session for as long as this object lives. Afterwards the session is reused if possible.
class MariadbLease {
 public:
  MariadbLease(MariadbSessions* sessions, MariadbUse use, std::uint64_t look,
               std::unique_ptr<mariadb::Connection> connection)
      : sessions_(sessions), use_(use), look_(look), connection_(std::move(connection)) {}
  MariadbLease(MariadbLease&& other) noexcept = default;
  MariadbLease& operator=(MariadbLease&&) = delete;
  ~MariadbLease();

  mariadb::Connection& operator*() const { return *connection_; }
  mariadb::Connection* operator->() const { return connection_.get(); }

 private:
  MariadbSessions* sessions_;
  MariadbUse use_;
  std::uint64_t look_;  ///< Number of the look at which the session's rights were checked.
  std::unique_ptr<mariadb::Connection> connection_;
};

/// Sessions of a source database. They are read only, and the next caller reuses them. Threads: any.
class MariadbSessions {
 public:
  /// Readings that may be active at once: a look reads one table, and beside it rows by their keys.
  static constexpr std::size_t kReadingsMax = 4;

  explicit MariadbSessions(MariadbAccess access) : access_(std::move(access)) {}

  /// Returns a session with the rights that it had at the last Look(). Errors: those of Connection::Open();
  /// kResourceExhausted: kReadingsMax are active.
  absl::StatusOr<MariadbLease> Take(MariadbUse use) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<MariadbSource> Look() MIRROR_EXCLUDES(mutex_);
  const MariadbAccess& access() const { return access_; }

 private:
  friend class MariadbLease;
  static constexpr std::size_t kUses = 3;
  struct Free {
    std::uint64_t look = 0;
    std::unique_ptr<mariadb::Connection> connection;
  };
  void GiveBack(MariadbUse use, Free free) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<Free> TakeFree(MariadbUse use) MIRROR_EXCLUDES(mutex_);
  mariadb::ConnectAs ConnectFor(MariadbUse use) const;

  const MariadbAccess access_;
  Mutex mutex_;
  std::array<std::vector<Free>, kUses> free_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t look_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::array<std::size_t, kUses> taken_ MIRROR_GUARDED_BY(mutex_) = {};
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_SESSIONS_H_
