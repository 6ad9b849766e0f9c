#ifndef MIRROR_BASE_DB_MARIADB_CONNECTION_H_
#define MIRROR_BASE_DB_MARIADB_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/dsn.h"
#include "base/db/mariadb/failure.h"

struct st_mysql;
struct st_mysql_res;

namespace mirror::mariadb {

/// Greatest size of the rows of one statement in memory, in bytes.
inline constexpr std::size_t kRowsBytesMax = 256'000'000;

/// The rows that a statement returned, in memory. Their values are texts. Rows and columns count from 0.
class Rows {
 public:
  explicit Rows(std::size_t columns = 0) : columns_(columns) {}

  std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::size_t columns() const { return columns_; }
  bool IsNull(std::size_t row, std::size_t column) const { return At(row, column).begin == kNull; }
  /// Returns a view; NULL is an empty view. Valid until this object is destroyed or the next Add().
  std::string_view View(std::size_t row, std::size_t column) const {
    const Place& place = At(row, column);
    return place.begin == kNull ? std::string_view()
                                : std::string_view(bytes_).substr(place.begin, place.size);
  }
  std::string Text(std::size_t row, std::size_t column) const { return std::string(View(row, column)); }
  /// Returns a value as a whole number; 0 for NULL and for values that are no whole numbers.
  std::int64_t Int(std::size_t row, std::size_t column) const;
  bool Bool(std::size_t row, std::size_t column) const { return Int(row, column) != 0; }

  /// Copies a row; a field without data is NULL. Returns false if the rows would exceed kRowsBytesMax.
  bool Add(const std::vector<std::string_view>& fields);

 private:
  static constexpr std::size_t kNull = std::numeric_limits<std::size_t>::max();
  struct Place {
    std::size_t begin = kNull, size = 0;
  };
  const Place& At(std::size_t row, std::size_t column) const { return values_[row * columns_ + column]; }

  std::size_t columns_;
  std::vector<Place> values_;
  std::string bytes_;
};

/// The database to connect to, and the options of the connection.
struct ConnectAs {
  std::string dsn;  ///< Address of the database, in the form of ReadDsn().
  /// File that contains only the password; a line end after it is allowed. Only the file's owner may have
  /// access. It is read for each connection.
  std::string password_file = {};
  std::string program_name = {};  ///< Name shown in performance_schema.
  /// Time for connecting to each host. With several hosts the total time can be as many times longer. Whole
  /// seconds, at least one.
  std::chrono::milliseconds connect_within{10'000};
  /// Longest wait without data from the server; 0: no limit. A server that is silent for longer counts as
  /// lost. Whole seconds, at least one.
  std::chrono::milliseconds answer_within{60'000};
  /// Statements that run when the connection is opened, after the statements that all connections run.
  std::vector<std::string> settings = {};
};

class Connection;

/// Streams the rows of a statement. Memory: one row, and the data that was read ahead. The connection must
/// outlive the stream, and must not be used for anything else meanwhile. Destroying the stream before its
/// last row closes the connection: the remaining rows would have to be read otherwise.
class RowStream {
 public:
  RowStream(RowStream&& other) noexcept;
  RowStream& operator=(RowStream&&) = delete;
  ~RowStream();

  /// Moves to the next row. False: there is none.
  absl::StatusOr<bool> Step();
  /// Returns the current row. A field without data is NULL; all others have data, also if they are empty.
  /// Valid until the next Step().
  const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  friend class Connection;
  RowStream(Connection& connection, st_mysql_res* result, std::size_t columns, std::string_view doing)
      : connection_(&connection), result_(result), doing_(doing), fields_(columns) {}
  void Free();

  Connection* connection_;  ///< Null after the last row.
  st_mysql_res* result_;
  std::string doing_;
  std::vector<std::string_view> fields_;
};

/// A connection to a MariaDB database, with utf8mb4, time zone +00:00 and a fixed sql_mode. Its errors, and
/// those of objects that use it, are those of Failure. After Trouble::kLost, all later errors are kLost, too.
/// Values are read as texts. Values in statements are literals: see name.h. Threads: one at a time.
class Connection {
 public:
  /// Connects. Errors: those of ReadDsn(); those of ReadPasswordFile(), such as a file that others may read;
  /// a Failure for the last host.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs one statement and ignores its rows.
  absl::Status Execute(const std::string& sql, std::string_view doing = "");
  /// Runs one statement and returns its rows, all in memory. Errors: also kResourceExhausted: the rows are
  /// over kRowsBytesMax.
  absl::StatusOr<Rows> Query(const std::string& sql, std::string_view doing = "");
  /// Runs one statement and returns the first value of the first row, a whole number. It is an error if there
  /// is no such value.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::string_view doing = "");
  /// Runs one statement that returns many rows.
  absl::StatusOr<RowStream> Stream(const std::string& sql, std::string_view doing = "");

  /// Returns true if the connection is open, as far as is known without asking the server.
  bool IsOpen() const { return handle_ != nullptr; }
  /// Returns true if the connection is open and the server has sent nothing. If the server closed the
  /// connection, it has sent the end.
  bool IsAlive() const;
  /// Selects its database again. Privileges that were granted or revoked since the last selection apply only
  /// after this call.
  absl::Status UseAgain();
  /// Returns the id of the server's thread, for KillOther().
  std::uint64_t server_thread() const { return server_thread_; }
  /// Ends another connection of the same user and its running statement. A closed connection is not an error.
  absl::Status KillOther(std::uint64_t server_thread);
  /// Returns the server's version as a number: 101119 for 10.11.19.
  std::uint32_t server_version() const { return server_version_; }
  /// Returns the cipher of the connection; empty: it is not encrypted.
  std::string cipher() const;
  const Dsn& dsn() const { return dsn_; }
  void Close();

  // For code that uses other protocols of libmariadb over this connection.

  st_mysql* handle() { return handle_; }
  /// Returns the library's current error. If the error means that the connection has ended, closes it.
  absl::Status ErrorNow(std::string_view doing);

 private:
  friend class RowStream;
  explicit Connection(Dsn dsn) : dsn_(std::move(dsn)) {}
  absl::Status Connect(const ConnectAs& as, const std::string& host, std::uint16_t port,
                       const std::string& password);
  absl::Status SetUp(const ConnectAs& as);
  absl::Status Send(const std::string& sql, std::string_view doing);
  absl::Status Failed(const Failure& failure, std::string_view doing);

  const Dsn dsn_;
  st_mysql* handle_ = nullptr;  ///< Null: closed.
  std::uint64_t server_thread_ = 0;
  std::uint32_t server_version_ = 0;
};

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_CONNECTION_H_
