#ifndef MIRROR_BASE_DB_ODBC_ROW_STREAM_H_
#define MIRROR_BASE_DB_ODBC_ROW_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror::odbc {

/// A parameter that is sent as bytes, not as text.
struct Blob {
  std::string bytes;
};
/// A value for a "?" of a statement.
using Parameter = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

/// The form in which a column's values are fetched.
enum class Fetch : std::uint8_t {
  kText,   ///< Text as the driver writes it.
  kBytes,  ///< Bytes without conversion.
};

/// A column of a statement, as the driver describes it.
struct ResultColumn {
  std::string name;
  std::int16_t type = 0;  ///< SQL_INTEGER, …
};

class Connection;

/// Reads the rows of one statement, one after the other. Threads: one at a time, those of the connection. The
/// connection must outlive this object.
class RowStream {
 public:
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  /// Moves to the next row; false: there is none. Errors: those of a driver; kInvalidArgument: a value is
  /// over kValueBytesMax.
  absl::StatusOr<bool> Step();
  /// Returns the current row's values. NULL is a view whose data() is null; an empty value has data. Valid
  /// until the next Step().
  const std::vector<std::string_view>& fields() const { return views_; }
  bool IsNull(std::size_t column) const { return views_[column].data() == nullptr; }
  /// Returns a value; empty for NULL.
  std::string Text(std::size_t column) const { return std::string(views_[column]); }
  /// Returns a number; 0 if the value is not a number.
  std::int64_t Int(std::size_t column) const;
  const std::vector<ResultColumn>& columns() const { return columns_; }

 private:
  friend class Connection;
  /// Buffer of a column, and the length of its value.
  struct Field;
  RowStream(Connection& connection, void* statement, std::string doing);

  absl::Status Describe(const std::vector<Fetch>& fetches);
  absl::Status Bind();
  absl::Status Take(std::size_t column);
  absl::Status TakeLong(std::size_t column);
  absl::Status Failed() const;

  Connection& connection_;
  void* const statement_;
  const std::string doing_;
  /// True: the driver writes a row's values into buffers. False: each value is requested by a call.
  bool binds_ = false;
  bool at_end_ = false;
  std::vector<ResultColumn> columns_;
  std::vector<std::unique_ptr<Field>> fields_;
  std::vector<std::string_view> views_;
};

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_ROW_STREAM_H_
