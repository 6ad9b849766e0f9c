#ifndef MIRROR_BASE_DB_POSTGRES_COPY_H_
#define MIRROR_BASE_DB_POSTGRES_COPY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/value.h"

namespace mirror::postgres {

/// Rows on their way into a table by COPY, in its binary format. They go out by pieces of `kPieceBytes`, and
/// a server that is slow holds the writer up. Nothing else is done with the connection meanwhile, which
/// outlives this. One that is left before Finish() writes no row.
class CopyIn {
 public:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  /// `sql`: "COPY t (a, b) FROM STDIN (FORMAT binary)".
  static absl::StatusOr<CopyIn> Begin(Connection& connection, const std::string& sql,
                                      std::string_view doing = "");
  CopyIn(CopyIn&& other) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  ~CopyIn();

  /// The values of one row, each of exactly its column's type. Errors: the connection is lost, it is over, or
  /// a value is too large to be sent. One that the server refuses is heard of in Finish(): until then it
  /// reads on, and throws away what comes.
  absl::Status Add(Values row);
  /// How many rows the table has got. Outside of a transaction they are committed then. Errors: also that of
  /// a row, which Failure::copy_row says.
  absl::StatusOr<std::int64_t> Finish();

 private:
  CopyIn(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}
  absl::Status Put(std::string_view bytes);
  void GiveUp();

  Connection* connection_;  ///< Null: at its end.
  std::string doing_;
  std::string piece_;
};

/// Rows on their way out by COPY: never more of them in memory than a row, and what libpq has read ahead.
/// One that is left before its end is cancelled at the server. Nothing else is done with the connection
/// meanwhile, which outlives this.
class CopyOut {
 public:
  /// `sql`: "COPY (SELECT …) TO STDOUT (FORMAT binary)". It takes no values.
  static absl::StatusOr<CopyOut> Begin(Connection& connection, const std::string& sql,
                                       std::string_view doing = "");
  /// The same without a wait: Step() has the error of a statement that the server refuses.
  static absl::StatusOr<CopyOut> Send(Connection& connection, const std::string& sql,
                                      std::string_view doing = "");
  CopyOut(CopyOut&& other) noexcept;
  CopyOut& operator=(CopyOut&&) = delete;
  ~CopyOut();

  /// Of the binary format: false when there are no more rows.
  absl::StatusOr<bool> Step();
  /// Whether Step() would not wait, or does not any more within this time, where rows come whole: PostgreSQL
  /// sends them so.
  bool IsReady(std::chrono::milliseconds within);
  // Of the row at which it stands. Columns count from 0; the caller knows their types. What is viewed is gone
  // with the row.
  int columns() const { return static_cast<int>(fields_.size()); }
  bool IsNull(int column) const { return fields_[static_cast<std::size_t>(column)].data() == nullptr; }
  std::string_view View(int column) const { return fields_[static_cast<std::size_t>(column)]; }
  std::int64_t Int(int column) const { return ReadInt(View(column)); }
  double Real(int column) const { return ReadReal(View(column)); }
  /// As in a RowView.
  const std::vector<std::string_view>& fields() const { return fields_; }

  /// Of the other formats, in place of Step(): what came, until the next call; nothing when that was all.
  absl::StatusOr<std::string_view> Piece();

 private:
  CopyOut(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}
  enum class Parsed : std::uint8_t { kRow, kEnd, kIncomplete, kWrong };
  /// Whether it has begun: waits for that.
  absl::Status Hear();
  Parsed Parse();
  absl::Status Malformed();

  Connection* connection_;  ///< Null: at its end.
  std::string doing_;
  std::string kept_;        ///< Of pieces before this one.
  std::string_view ahead_;  ///< What is not parsed, in `kept_` or libpq's piece.
  bool is_heard_ = false;   ///< The server has said whether it begins: `begun_`.
  absl::Status begun_;
  bool has_begun_ = false;  ///< Its header was read.
  bool has_ended_ = false;  ///< Its trailer was.
  std::vector<std::string_view> fields_;
};

/// Messages that come and go at once over a connection for replication, as those of START_REPLICATION. It
/// ends with its connection, which outlives it: to end it otherwise, all that is on its way would have to be
/// read.
class CopyBoth {
 public:
  static absl::StatusOr<CopyBoth> Begin(Connection& connection, const std::string& command,
                                        std::string_view doing = "");
  CopyBoth(CopyBoth&& other) noexcept;
  CopyBoth& operator=(CopyBoth&&) = delete;
  ~CopyBoth();

  /// The next message, until the next call; absent: none came within this time, in which the server may be
  /// silent. Errors: it is over; kLost, when the server has ended it without an error.
  absl::StatusOr<std::optional<std::string_view>> Next(std::chrono::milliseconds within);
  absl::Status Put(std::string_view message);

 private:
  CopyBoth(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}

  Connection* connection_;  ///< Null: at its end.
  std::string doing_;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_COPY_H_
