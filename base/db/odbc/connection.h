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

/// What a driver calls the type of a column: the numbers of ODBC. There may be others.
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
/// Of a catalog's column NULLABLE: each row has a value.
inline constexpr std::int64_t kNoNulls = 0;

struct ConnectAs {
  ConnectionString to;
  std::string password = {};  ///< Empty: none is given. It is in no message.
  std::chrono::seconds connect_within{15};
};

/// A session of a database, by the driver that its connection string names. Every session has an environment
/// of its own: drivers are not trusted with handles that threads share.
///
/// Threads: one. Waiting for an answer ends when it is there, when `answer_within` is over as far as the
/// driver keeps to that, or when the driver finds that the network is gone.
class Connection {
 public:
  /// Errors: see Trouble; kNoDriver says which package is missing.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// For statements from here on; a driver that cannot do that waits.
  void SetAnswerWithin(std::chrono::seconds within) { answer_within_ = within; }

  /// A statement with no rows, or whose rows are of no interest.
  absl::Status Execute(const std::string& sql, std::string_view doing);
  /// `fetches`: of each column; those that are not there are texts. `rows_max`: the driver gives no more;
  /// 0: all. The text goes to the database as it stands: "{" means nothing to the driver.
  absl::StatusOr<std::unique_ptr<RowStream>> Query(const std::string& sql,
                                                   const std::vector<Parameter>& parameters,
                                                   const std::vector<Fetch>& fetches, std::string_view doing,
                                                   std::size_t rows_max = 0);
  /// The first value of the first row; empty: there is none.
  absl::StatusOr<std::string> Text(const std::string& sql, std::string_view doing);

  /// The rows of a catalog function of ODBC. An empty name is none, and the schema's a pattern.
  enum class Catalog : std::uint8_t { kTables, kColumns, kPrimaryKey };
  absl::StatusOr<std::unique_ptr<RowStream>> Ask(Catalog what, const std::string& catalog,
                                                 const std::string& schema, const std::string& table);

  // What the driver says of itself and of the database.
  const std::string& dbms() const { return dbms_; }  ///< "PostgreSQL", "MariaDB", "SQLite"
  const std::string& driver() const { return driver_; }
  std::string server() const;
  std::string database() const;
  std::string user() const;
  /// Put around names; empty: none can be.
  const std::string& quote() const { return quote_; }
  bool gives_bound_again() const { return gives_bound_again_; }
  /// Names of another catalog or schema may stand before that of a table.
  bool has_schemas() const { return has_schemas_; }

  /// The session is gone.
  bool IsDead() const;

  // For RowStream.
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
