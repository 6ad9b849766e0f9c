#ifndef MIRROR_BASE_DB_ODBC_CONNECTION_H_
#define MIRROR_BASE_DB_ODBC_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/odbc/connection_string.h"
#include "base/db/odbc/row_stream.h"

namespace mirror::odbc {

/// Type of a column, with the numbers of ODBC. A driver may also return other numbers.
enum class SqlType : std::int64_t {
  kNumeric = 2,
  kDecimal = 3,
  kInteger = 4,
  kSmallint = 5,
  kFloat = 6,
  kReal = 7,
  kDouble = 8,
  kDate = 91,
  kTime = 92,
  kTimestamp = 93,
  kBinary = -2,
  kVarbinary = -3,
  kLongVarbinary = -4,
  kBigint = -5,
  kTinyint = -6,
  kBit = -7,
  kGuid = -11,
};
/// Value of the catalog's column NULLABLE for a column without NULLs.
inline constexpr std::int64_t kNoNulls = 0;

struct ConnectAs {
  ConnectionString to;
  std::string password = {};  ///< Empty: no password is given. No message contains the password.
  std::chrono::seconds connect_within{15};
};

/// A session of a database, through the driver that its connection string names. Each session has its own
/// ODBC environment, because some drivers do not support handles that threads share.
///
/// Threads: one. A call waits until the answer arrives, until the time `answer_within` is over (if the driver
/// supports this limit), or until the driver detects a failure of the network.
class Connection {
 public:
  /// Opens a session. Errors: those of Trouble. The message of kNoDriver says which package is missing.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Sets the time limit of later statements. A driver that does not support it waits without a limit.
  void SetAnswerWithin(std::chrono::seconds within) { answer_within_ = within; }

  /// Runs a statement without rows, or ignores its rows.
  absl::Status Execute(const std::string& sql, std::string_view doing);
  /// Runs a statement that returns rows. `fetches`: one for each column; a column without one is fetched as
  /// text. `rows_max`: greatest number of rows that the driver returns; 0: all. The driver sends the text
  /// unchanged to the database: it does not interpret "{".
  absl::StatusOr<std::unique_ptr<RowStream>> Query(const std::string& sql,
                                                   const std::vector<Parameter>& parameters,
                                                   const std::vector<Fetch>& fetches, std::string_view doing,
                                                   std::size_t rows_max = 0);
  /// Runs a statement and returns the first value of the first row; empty: there is no row.
  absl::StatusOr<std::string> Text(const std::string& sql, std::string_view doing);

  /// The catalog functions of ODBC. The driver gets an empty name as null, that is, no name. The schema's
  /// name is a pattern.
  enum class Catalog : std::uint8_t { kTables, kColumns, kPrimaryKey };
  absl::StatusOr<std::unique_ptr<RowStream>> Ask(Catalog what, const std::string& catalog,
                                                 const std::string& schema, const std::string& table);

  // Values that the driver reports about itself and the database.
  const std::string& dbms() const { return dbms_; }  ///< "PostgreSQL", "MariaDB", "SQLite"
  const std::string& driver() const { return driver_; }
  std::string server() const;
  std::string database() const;
  std::string user() const;
  /// Returns the quote character for names; empty: names cannot be quoted.
  const std::string& quote() const { return quote_; }
  bool gives_bound_again() const { return gives_bound_again_; }
  /// Returns true if a catalog or a schema can be written before a table's name.
  bool has_schemas() const { return has_schemas_; }

  /// Returns true if the session is lost.
  bool IsDead() const;

  // Called by RowStream.
  absl::Status Failed(std::int16_t handle_type, void* handle, std::string_view doing);
  void StatementEnded() { --statements_; }

 private:
  struct Bound;
  Connection() = default;
  std::string Info(std::uint16_t what) const;
  std::uint32_t Number(std::uint16_t what) const;
  absl::Status Connect(const ConnectAs& as);
  absl::StatusOr<std::unique_ptr<RowStream>> NewStatement(std::string_view doing, std::size_t rows_max);

  void* environment_ = nullptr;
  void* handle_ = nullptr;
  bool is_connected_ = false;
  bool is_lost_ = false;
  int statements_ = 0;
  std::vector<std::string> secrets_;
  std::chrono::seconds answer_within_{60};
  std::string dbms_, driver_, quote_;
  bool gives_bound_again_ = false, has_schemas_ = false;
};

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_CONNECTION_H_
