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

/// Writes rows into a table by COPY, in its binary format. It sends pieces of `kPieceBytes`, and waits if the
/// server is slow. The connection must outlive this object, and must not be used for anything else meanwhile.
/// If the object is destroyed before Finish(), no row is written.
class CopyIn {
 public:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  /// Begins a COPY. `sql`: such as "COPY t (a, b) FROM STDIN (FORMAT binary)".
  static absl::StatusOr<CopyIn> Begin(Connection& connection, const std::string& sql,
                                      std::string_view doing = "");
  CopyIn(CopyIn&& other) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  ~CopyIn();

  /// Adds one row. Each value must have exactly its column's type. Errors: the connection is lost, the COPY
  /// has ended, or a value is too large. If the server refuses a row, it discards all later data, and only
  /// Finish() returns the error.
  absl::Status Add(Values row);
  /// Returns the number of rows written. Outside of a transaction the rows are then committed. Errors: also
  /// those of a refused row, whose number is in Failure::copy_row.
  absl::StatusOr<std::int64_t> Finish();

 private:
  CopyIn(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}
  absl::Status Put(std::string_view bytes);
  void GiveUp();

  Connection* connection_;  ///< Null after the end.
  std::string doing_;
  std::string piece_;
};

/// Reads rows by COPY. Memory: one row, and the data that libpq has read ahead. If the object is destroyed
/// before the end, it cancels the COPY at the server. The connection must outlive this object, and must not
/// be used for anything else meanwhile.
class CopyOut {
 public:
  /// Begins a COPY. `sql`: such as "COPY (SELECT …) TO STDOUT (FORMAT binary)", without parameters.
  static absl::StatusOr<CopyOut> Begin(Connection& connection, const std::string& sql,
                                       std::string_view doing = "");
  /// Begins a COPY without waiting for the server's answer. If the server refuses the statement, Step()
  /// returns the error.
  static absl::StatusOr<CopyOut> Send(Connection& connection, const std::string& sql,
                                      std::string_view doing = "");
  CopyOut(CopyOut&& other) noexcept;
  CopyOut& operator=(CopyOut&&) = delete;
  ~CopyOut();

  /// Moves to the next row; only for the binary format. Returns false if there are no more rows.
  absl::StatusOr<bool> Step();
  /// Waits until Step() would return at once, at most this time; returns true if it would. It relies on
  /// PostgreSQL's way to send each row as a whole.
  bool IsReady(std::chrono::milliseconds within);
  // Access to the current row. Columns count from 0; the caller knows their types. Views are valid until the
  // next row.
  int columns() const { return static_cast<int>(fields_.size()); }
  bool IsNull(int column) const { return fields_[static_cast<std::size_t>(column)].data() == nullptr; }
  std::string_view View(int column) const { return fields_[static_cast<std::size_t>(column)]; }
  std::int64_t Int(int column) const { return ReadInt(View(column)); }
  double Real(int column) const { return ReadReal(View(column)); }
  /// The fields in the form of a RowView.
  const std::vector<std::string_view>& fields() const { return fields_; }

  /// Returns the next data of a format other than binary; use it instead of Step(). Empty at the end. Valid
  /// until the next call.
  absl::StatusOr<std::string_view> Piece();

 private:
  CopyOut(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}
  enum class Parsed : std::uint8_t { kRow, kEnd, kIncomplete, kWrong };
  /// Waits until the COPY has begun.
  absl::Status Hear();
  Parsed Parse();
  absl::Status Malformed();

  Connection* connection_;  ///< Null after the end.
  std::string doing_;
  std::string kept_;        ///< Data of earlier pieces.
  std::string_view ahead_;  ///< Unparsed data, in `kept_` or in libpq's piece.
  bool is_heard_ = false;   ///< The server has answered whether the COPY begins; `begun_` has the answer.
  absl::Status begun_;
  bool has_begun_ = false;  ///< The header was read.
  bool has_ended_ = false;  ///< The trailer was read.
  std::vector<std::string_view> fields_;
};

/// Messages in both directions over a replication connection, as for START_REPLICATION. The COPY ends only
/// when the connection is closed. An earlier end would require reading all data that are still on their way.
/// The connection must outlive this object.
class CopyBoth {
 public:
  static absl::StatusOr<CopyBoth> Begin(Connection& connection, const std::string& command,
                                        std::string_view doing = "");
  CopyBoth(CopyBoth&& other) noexcept;
  CopyBoth& operator=(CopyBoth&&) = delete;
  ~CopyBoth();

  /// Returns the next message, valid until the next call. Absent: no message came within this time, which
  /// does not mean that the connection is lost. Errors: the COPY has ended; kLost: the server ended it
  /// without an error.
  absl::StatusOr<std::optional<std::string_view>> Next(std::chrono::milliseconds within);
  absl::Status Put(std::string_view message);

 private:
  CopyBoth(Connection& connection, std::string_view doing) : connection_(&connection), doing_(doing) {}

  Connection* connection_;  ///< Null after the end.
  std::string doing_;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_COPY_H_
