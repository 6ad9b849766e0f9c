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

/// The most that the rows of one statement take in memory.
inline constexpr std::size_t kRowsBytesMax = 256'000'000;

/// The rows that a statement gave, in memory; their values are texts. Rows and columns count from 0.
class Rows {
 public:
  explicit Rows(std::size_t columns = 0) : columns_(columns) {}

  std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::size_t columns() const { return columns_; }
  bool IsNull(std::size_t row, std::size_t column) const { return At(row, column).begin == kNull; }
  /// NULL as nothing. Gone with this, or with the next Add().
  std::string_view View(std::size_t row, std::size_t column) const {
    const Place& place = At(row, column);
    return place.begin == kNull ? std::string_view()
                                : std::string_view(bytes_).substr(place.begin, place.size);
  }
  std::string Text(std::size_t row, std::size_t column) const { return std::string(View(row, column)); }
  /// 0 for NULL and what is no whole number.
  std::int64_t Int(std::size_t row, std::size_t column) const;
  bool Bool(std::size_t row, std::size_t column) const { return Int(row, column) != 0; }

  /// Copies it; a field without data is NULL. False: it would be more than kRowsBytesMax.
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

/// Which database, and how it is spoken with.
struct ConnectAs {
  std::string dsn;  ///< See ReadDsn().
  /// The password alone, maybe with a line's end; for its owner alone; read at each connect. Empty: none.
  std::string password_file = {};
  std::string program_name = {};  ///< As performance_schema shows it.
  /// Of each host; all of them together may take that much for each. Whole seconds, at least one.
  std::chrono::milliseconds connect_within{10'000};
  /// How long a call waits while nothing comes from the server; 0: for ever. A server that is silent for
  /// longer counts as gone. Whole seconds, at least one.
  std::chrono::milliseconds answer_within{60'000};
  /// Statements that are run at connect, behind those that all sessions have.
  std::vector<std::string> settings = {};
};

class Connection;

/// The rows of a statement one by one, as they come: never more of them in memory than one, and what was read
/// ahead. Nothing else is done with the connection meanwhile. One that is left before its end ends the
/// connection: to read the rest would take as long as there is of it. The connection outlives it.
class RowStream {
 public:
  RowStream(RowStream&& other) noexcept;
  RowStream& operator=(RowStream&&) = delete;
  ~RowStream();

  /// False: that were all.
  absl::StatusOr<bool> Step();
  /// The row at which this stands; a field without data is NULL, all others have some, if they are empty,
  /// too. They are there until the next Step().
  const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  friend class Connection;
  RowStream(Connection& connection, st_mysql_res* result, std::size_t columns, std::string_view doing)
      : connection_(&connection), result_(result), doing_(doing), fields_(columns) {}
  void Free();

  Connection* connection_;  ///< Null: at its end.
  st_mysql_res* result_;
  std::string doing_;
  std::vector<std::string_view> fields_;
};

/// A connection to a MariaDB database, as utf8mb4, with time zone +00:00 and a fixed sql_mode. All errors of
/// it and of what works on it are those of Failure. Once one is Trouble::kLost, all others are. The
/// statements' values come as texts, and go in as literals: see name.h. Threads: one at a time.
class Connection {
 public:
  /// Errors: those of ReadDsn(), of a password_file that others may read; Failure, of the last host.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectAs& as);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// One statement; whatever rows it gives.
  absl::Status Execute(const std::string& sql, std::string_view doing = "");
  /// One that gives rows. They are whole in memory; at most kRowsBytesMax of them (kResourceExhausted).
  absl::StatusOr<Rows> Query(const std::string& sql, std::string_view doing = "");
  /// The first value of the first row, a whole number. Errors: also when there is none.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::string_view doing = "");
  /// One that gives many rows.
  absl::StatusOr<RowStream> Stream(const std::string& sql, std::string_view doing = "");

  /// Whether it is there as far as is known without asking the server.
  bool IsOpen() const { return handle_ != nullptr; }
  /// The same, where it has heard nothing from the server either: one that the server closed says so.
  bool IsAlive() const;
  /// Uses its database again: only so does it know of rights that were given or taken since.
  absl::Status UseAgain();
  /// As the server counts them, for KILL: see KillOther().
  std::uint64_t server_thread() const { return server_thread_; }
  /// Ends another connection of the same user, and what it is at work on. One that is gone is no error.
  absl::Status KillOther(std::uint64_t server_thread);
  /// 101119 for 10.11.19.
  std::uint32_t server_version() const { return server_version_; }
  /// Encrypted, and how; empty: it is not.
  std::string cipher() const;
  const Dsn& dsn() const { return dsn_; }
  void Close();

  // For who speaks libmariadb's other protocols over it.

  st_mysql* handle() { return handle_; }
  /// The library's error now. One that ends the connection closes it.
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
