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

/// Which database, and how long it is waited for.
struct OdbcAccess {
  std::string dsn;                 ///< An ODBC connection string. It holds no password.
  std::string password_file = {};  ///< One line; read again at each connect. Empty: none is given.
  OdbcDialectKind dialect = OdbcDialectKind::kAuto;
  std::string schema = {};  ///< Empty: that of the session, or "public".
  std::chrono::seconds connect_within{15};
  /// For an answer about the catalogs, as far as the driver keeps to it.
  std::chrono::seconds catalogs_within{60};
  /// For the rows of a statement, or the next of them, as the driver takes it.
  std::chrono::seconds rows_within{3'600};
  /// Of a table that is read page by page.
  std::size_t page_rows = 10'000;
};

/// Sessions of a database of others, one for each reader that is at work, kept for the next one. Threads:
/// one.
class OdbcSessions {
 public:
  explicit OdbcSessions(OdbcAccess access) : access_(std::move(access)) {}

  /// Errors: those of odbc::Connection::Open().
  absl::StatusOr<std::unique_ptr<odbc::Connection>> Take();
  /// One that is not at work any more.
  void GiveBack(std::unique_ptr<odbc::Connection> connection);
  /// By a new connection: it may be another database by now.
  absl::StatusOr<OdbcPlace> Look();
  /// Of the last Look() or Take().
  const OdbcDialect& dialect() const { return *dialect_; }
  const OdbcAccess& access() const { return access_; }

 private:
  absl::StatusOr<std::unique_ptr<odbc::Connection>> Connect();

  const OdbcAccess access_;
  std::unique_ptr<OdbcDialect> dialect_;
  std::string driver_;
  std::vector<std::unique_ptr<odbc::Connection>> idle_;
};

/// A session that is at work, and what the dialect holds for it. Threads: one.
class OdbcReading {
 public:
  static absl::StatusOr<std::unique_ptr<OdbcReading>> Make(std::shared_ptr<OdbcSessions> sessions);
  ~OdbcReading();
  OdbcReading(const OdbcReading&) = delete;
  OdbcReading& operator=(const OdbcReading&) = delete;

  odbc::Connection& connection() { return *connection_; }
  /// See OdbcDialect::Begin(); it ends with the object.
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
