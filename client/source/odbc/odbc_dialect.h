#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/odbc/connection.h"
#include "client/source/odbc/odbc_table.h"

namespace mirror {

/// What the source says of itself.
struct OdbcPlace {
  std::string identity;  ///< See SourceMark.database.
  std::string name;      ///< Where it is, for people.
  std::string user;
  std::vector<std::string> notes;  ///< What people should know of the whole source.
};

/// How one kind of database is asked, so that its drivers have nothing to convert. It keeps nothing of a
/// source: it is asked again for each connection. Threads: one.
class OdbcDialect {
 public:
  virtual ~OdbcDialect() = default;

  /// As the configuration calls it.
  virtual const char* name() const = 0;
  /// Options of the driver, for connections that read rows, beside those of AddFileOptions().
  virtual void AddOptions(const std::string& driver, odbc::ConnectionString* to) const = 0;
  /// Of a new connection: everything that the text of a value depends on.
  virtual absl::Status Prepare(odbc::Connection& connection) const = 0;
  virtual absl::StatusOr<OdbcPlace> Look(odbc::Connection& connection) const = 0;
  /// By id or name. `only`: that table alone, by name; none when it is not there.
  virtual absl::StatusOr<std::vector<OdbcTable>> Tables(odbc::Connection& connection,
                                                        const std::string* only = nullptr) const = 0;

  /// Of a database where OdbcTable::identity is the whole second in which a table was made: the milliseconds
  /// of its clock. 0: it tells tables apart in another way.
  virtual absl::StatusOr<std::int64_t> CreationClock(odbc::Connection& connection) const {
    (void)connection;
    return 0;
  }

  /// The reading of a table begins: from here to End() its definition stays as it is, as far as the database
  /// can have that, and the rows of all its pages are of one moment where the database gives that to readers
  /// who keep nobody waiting.
  virtual absl::Status Begin(odbc::Connection& connection, const OdbcTable& table) const = 0;
  /// Errors: what became of it is not known, and the connection is used no more.
  virtual absl::Status End(odbc::Connection& connection) const = 0;
  /// What differs once somebody has written; asked between Begin() and the first page, and behind each page.
  /// Empty: that cannot be noticed, or need not be.
  virtual absl::StatusOr<std::string> WriteMark(odbc::Connection& connection) const {
    (void)connection;
    return std::string();
  }
  /// Behind a statement that is to give so many rows; empty: the driver is told.
  virtual std::string Limit(std::size_t rows) const {
    (void)rows;
    return "";
  }
};

enum class OdbcDialectKind : std::uint8_t { kAuto, kPostgres, kMysql, kSqlite, kGeneric };

/// "auto", "postgres", "mysql", "sqlite"; any other word is "generic".
OdbcDialectKind OdbcDialectNamed(std::string_view word);

/// Adds the options of every connection: those without which the drivers leave files behind that nobody asked
/// for. `driver`: as an earlier connection told it; empty: there was none, and only `to` and `kind` say what
/// the driver is.
void AddFileOptions(OdbcDialectKind kind, const std::string& driver, odbc::ConnectionString* to);

/// Of a connection's own database, when `kind` is kAuto.
std::unique_ptr<OdbcDialect> MakeOdbcDialect(OdbcDialectKind kind, const odbc::Connection& connection,
                                             const std::string& schema);

// Each in its own file. `schema`: see OdbcReaderOptions.
std::unique_ptr<OdbcDialect> MakeOdbcPostgres(std::string schema);
std::unique_ptr<OdbcDialect> MakeOdbcMysql();
std::unique_ptr<OdbcDialect> MakeOdbcSqlite();
std::unique_ptr<OdbcDialect> MakeOdbcGeneric(std::string schema);

/// A number that tells types apart.
std::uint32_t OdbcTypeNumber(const std::string& type);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_DIALECT_H_
