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

/// 'user'@'host' as it stands in a GRANT, of what CURRENT_USER() says.
std::string MariadbGrantee(const std::string& current_user);

/// Which database, and how long it is waited for. Times are whole seconds at the server, at least one where
/// they are not 0.
struct MariadbAccess {
  std::string dsn;                 ///< See mariadb::ReadDsn(). It holds no password.
  std::string password_file = {};  ///< See mariadb::ConnectAs; read at each connect.
  std::string program_name = "mirror-agent";
  /// For a table that somebody holds who changes its definition.
  std::chrono::milliseconds lock_within{2'000};
  /// How often it is asked whether somebody waits to change a table that is read, behind whom all others
  /// wait: then the reading is broken off.
  std::chrono::milliseconds yields_after{1'000};
  /// For an answer about the catalogs.
  std::chrono::milliseconds catalogs_within{60'000};
  /// For the next row of a table; and how long the server keeps a reading that takes no row, or one that
  /// waits for the binlog.
  std::chrono::milliseconds rows_within{3'600'000};
};

/// A session that may write, where the text of each value and statement means what it says. Its transactions
/// are serializable: a row that was read stays, and none comes where none was found.
mariadb::ConnectAs ConnectToChange(const MariadbAccess& access);

/// What a server says of the database.
struct MariadbSource {
  /// "mariadb cluster UUID DATABASE" of a Galera cluster, else "mariadb DOMAIN DATABASE": its GTID domain.
  /// Nothing of its address: the same one is reached by several, and a replica that takes over has another
  /// one. Servers of one domain are told apart by their binlogs: see DescentOf().
  std::string identity;
  std::string name;     ///< Where it is, for people.
  std::string grantee;  ///< The user as it stands in a GRANT.
  std::string database;
};

enum class MariadbUse : std::uint8_t {
  kCatalogs,  ///< Short statements.
  kRows,      ///< One statement may take as long as the rows of a table may.
  kWatch,     ///< Never waits for a lock.
};

class MariadbSessions;

/// A session for as long as this lives; the next one has it then, where it can be used again.
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
  std::uint64_t look_;  ///< As of which the session knows what it may.
  std::unique_ptr<mariadb::Connection> connection_;
};

/// Sessions of a database of others: read only, kept for the next one who needs one. Threads: any.
class MariadbSessions {
 public:
  /// Readers that are at work at once: a look reads one table, and beside it rows by their keys.
  static constexpr std::size_t kReadingsMax = 4;

  explicit MariadbSessions(MariadbAccess access) : access_(std::move(access)) {}

  /// One that knows what it may as of the last Look(). Errors: those of Connection::Open();
  /// kResourceExhausted: kReadingsMax are at work.
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
