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

/// A value for a "?" of a statement.
struct Blob {
  std::string bytes;
};
using Parameter = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

/// How the values of a column are asked for.
enum class Fetch : std::uint8_t {
  kText,   ///< As the driver writes them.
  kBytes,  ///< As they are.
};

/// What a driver says of a column of a statement.
struct ResultColumn {
  std::string name;
  std::int16_t type = 0;  ///< SQL_INTEGER, …
};

class Connection;

/// The rows of one statement, one after the other. Threads: one, that of its connection, which outlives it.
class RowStream {
 public:
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  /// False: there is no further row. Errors: those of a driver; kInvalidArgument: a value is over
  /// kValueBytesMax.
  absl::StatusOr<bool> Step();
  /// Of the present row; one without data is NULL. Until the next Step().
  const std::vector<std::string_view>& fields() const { return views_; }
  bool IsNull(std::size_t column) const { return views_[column].data() == nullptr; }
  /// Empty for NULL.
  std::string Text(std::size_t column) const { return std::string(views_[column]); }
  /// 0 for what is no number.
  std::int64_t Int(std::size_t column) const;
  const std::vector<ResultColumn>& columns() const { return columns_; }

 private:
  friend class Connection;
  /// Of a column: where its value comes, and how long it was.
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
  bool binds_ = false;  ///< Values come with the row; else each is asked for.
  bool at_end_ = false;
  std::vector<ResultColumn> columns_;
  std::vector<std::unique_ptr<Field>> fields_;
  std::vector<std::string_view> views_;
};

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_ROW_STREAM_H_
