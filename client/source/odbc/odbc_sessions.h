#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_SESSIONS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_SESSIONS_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/odbc/connection.h"
#include "client/source/odbc/odbc_dialect.h"

namespace mirror {

/// A database, and the time limits for it.
struct OdbcAccess {
  std::string dsn;                 ///< An ODBC connection string without a password.
  std::string password_file = {};  ///< One line; read again at each connect. Empty: no password.
  OdbcDialectKind dialect = OdbcDialectKind::kAuto;
  std::string schema = {};  ///< Empty: the session's schema, or "public".
  std::chrono::seconds connect_within{15};
  /// Limit for answers about the catalogs, as far as the driver keeps to it.
  std::chrono::seconds catalogs_within{60};
  /// Limit for the rows of a statement, or for the next of them, as the driver interprets it.
  std::chrono::seconds rows_within{3'600};
  /// Rows of one page, for a table that is read in pages.
  std::size_t page_rows = 10'000;
};

/// Sessions of a source database, one for each active reader, reused for the next one.
/// Threads: one.
class OdbcSessions {
 public:
  explicit OdbcSessions(OdbcAccess access) : access_(std::move(access)) {}

  /// Errors: those of odbc::Connection::Open().
  absl::StatusOr<std::unique_ptr<odbc::Connection>> Take();
  /// Takes back a session that is no longer in use.
  void GiveBack(std::unique_ptr<odbc::Connection> connection);
  /// Uses a new connection: the address may lead to another database now.
  absl::StatusOr<OdbcPlace> Look();
  /// The dialect of the last Look() or Take().
  const OdbcDialect& dialect() const { return *dialect_; }
  const OdbcAccess& access() const { return access_; }

 private:
  absl::StatusOr<std::unique_ptr<odbc::Connection>> Connect();

  const OdbcAccess access_;
  std::unique_ptr<OdbcDialect> dialect_;
  std::string driver_;
  std::vector<std::unique_ptr<odbc::Connection>> idle_;
};

/// An active session, and what the dialect holds open in it. Threads: one.
class OdbcReading {
 public:
  static absl::StatusOr<std::unique_ptr<OdbcReading>> Make(std::shared_ptr<OdbcSessions> sessions);
  ~OdbcReading();
  OdbcReading(const OdbcReading&) = delete;
  OdbcReading& operator=(const OdbcReading&) = delete;

  odbc::Connection& connection() { return *connection_; }
  /// See OdbcDialect::Begin(); the reading ends with this object.
  absl::Status Begin(const OdbcTable& table);

 private:
  OdbcReading(std::shared_ptr<OdbcSessions> sessions, std::unique_ptr<odbc::Connection> connection)
      : sessions_(std::move(sessions)), connection_(std::move(connection)) {}

  const std::shared_ptr<OdbcSessions> sessions_;
  std::unique_ptr<odbc::Connection> connection_;
  bool has_begun_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_SESSIONS_H_
