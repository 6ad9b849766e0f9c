#include "base/db/odbc/row_stream.h"

#include <sql.h>
#include <sqlext.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/db/odbc/connection.h"
#include "base/db/odbc/failure.h"
#include "base/status_macros.h"

namespace mirror::odbc {
namespace {

/// First size of a buffer for a value that is fetched with its row. Longer values are fetched in pieces, and
/// then the buffer grows.
constexpr std::size_t kBoundFirst = 512;
constexpr std::size_t kBoundMax = 256 << 10;
constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kColumnsMax = 4'096;
/// Greatest size of one value in bytes.
constexpr std::size_t kValueBytesMax = 1'000'000'000;

}  // namespace

struct RowStream::Field {
  SQLSMALLINT type = SQL_C_CHAR;
  std::string buffer = std::string(kBoundFirst, '\0');
  SQLLEN length = 0;  ///< Length that the driver returned: SQL_NULL_DATA, SQL_NO_TOTAL, or a number of bytes.
  std::string whole = {};
  bool is_bound = false;
  bool grows = false;

  /// Returns how many bytes of a value fit into the buffer. A NUL follows a text.
  std::size_t room() const { return buffer.size() - (type == SQL_C_CHAR ? 1 : 0); }
};

RowStream::RowStream(Connection& connection, void* statement, std::string doing)
    : connection_(connection), statement_(statement), doing_(std::move(doing)) {}

RowStream::~RowStream() {
  SQLFreeHandle(SQL_HANDLE_STMT, statement_);
  connection_.StatementEnded();
}

absl::Status RowStream::Failed() const { return connection_.Failed(SQL_HANDLE_STMT, statement_, doing_); }

absl::Status RowStream::Describe(const std::vector<Fetch>& fetches) {
  SQLSMALLINT count = 0;
  if (!SQL_SUCCEEDED(SQLNumResultCols(statement_, &count))) return Failed();
  if (static_cast<std::size_t>(count) > kColumnsMax)
    return absl::InvalidArgumentError(absl::StrCat(doing_, ": the driver gives ", count, " columns"));
  for (SQLSMALLINT i = 1; i <= count; ++i) {
    std::array<SQLCHAR, 1024> name{};
    SQLSMALLINT name_length = 0, type = 0, digits = 0, nullable = 0;
    SQLULEN size = 0;
    if (!SQL_SUCCEEDED(SQLDescribeCol(statement_, static_cast<SQLUSMALLINT>(i), name.data(),
                                      static_cast<SQLSMALLINT>(name.size()), &name_length, &type, &size,
                                      &digits, &nullable))) {
      return Failed();
    }
    columns_.push_back({reinterpret_cast<const char*>(name.data()), type});
    auto field = std::make_unique<Field>();
    const auto at = static_cast<std::size_t>(i - 1);
    if (at < fetches.size() && fetches[at] == Fetch::kBytes) field->type = SQL_C_BINARY;
    fields_.push_back(std::move(field));
  }
  views_.resize(fields_.size());
  binds_ = connection_.gives_bound_again();
  return absl::OkStatus();
}

absl::Status RowStream::Bind() {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Field& field = *fields_[i];
    if (field.is_bound && !field.grows) continue;
    if (field.grows) field.buffer.resize(std::min(kBoundMax, field.buffer.size() * 4));
    field.grows = false;
    field.is_bound = true;
    if (!SQL_SUCCEEDED(SQLBindCol(statement_, static_cast<SQLUSMALLINT>(i + 1), field.type,
                                  field.buffer.data(), static_cast<SQLLEN>(field.buffer.size()),
                                  &field.length))) {
      return Failed();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RowStream::Step() {
  if (at_end_ || fields_.empty()) return false;
  if (binds_) {
    const bool due = std::any_of(fields_.begin(), fields_.end(),
                                 [](const auto& field) { return !field->is_bound || field->grows; });
    if (due) RETURN_IF_ERROR(Bind());
  }
  const SQLRETURN fetched = SQLFetch(statement_);
  if (fetched == SQL_NO_DATA) {
    at_end_ = true;
    return false;
  }
  if (!SQL_SUCCEEDED(fetched)) return Failed();
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    RETURN_IF_ERROR(Take(i));
  }
  return true;
}

absl::Status RowStream::Take(std::size_t column) {
  Field& field = *fields_[column];
  if (!binds_) return TakeLong(column);
  if (field.length == SQL_NULL_DATA) {
    views_[column] = {};
    return absl::OkStatus();
  }
  if (field.length >= 0 && static_cast<std::size_t>(field.length) <= field.room()) {
    views_[column] = {field.buffer.data(), static_cast<std::size_t>(field.length)};
    return absl::OkStatus();
  }
  field.grows = field.buffer.size() < kBoundMax;
  return TakeLong(column);
}

/// Reads a value in pieces.
absl::Status RowStream::TakeLong(std::size_t column) {
  Field& field = *fields_[column];
  field.whole.clear();
  const std::size_t behind = field.type == SQL_C_CHAR ? 1 : 0;
  std::size_t piece = kBoundFirst;
  for (;;) {
    const std::size_t at = field.whole.size();
    field.whole.resize(at + piece + behind);
    SQLLEN length = 0;
    const SQLRETURN got = SQLGetData(statement_, static_cast<SQLUSMALLINT>(column + 1), field.type,
                                     field.whole.data() + at, static_cast<SQLLEN>(piece + behind), &length);
    if (got == SQL_NO_DATA) {
      field.whole.resize(at);
      break;
    }
    if (!SQL_SUCCEEDED(got)) return Failed();
    if (length == SQL_NULL_DATA) {
      views_[column] = {};
      return absl::OkStatus();
    }
    const bool is_last = length != SQL_NO_TOTAL && static_cast<std::size_t>(length) <= piece;
    field.whole.resize(at + (is_last ? static_cast<std::size_t>(length) : piece));
    if (is_last) break;
    const std::size_t left = length == SQL_NO_TOTAL ? piece * 4 : static_cast<std::size_t>(length) - piece;
    if (field.whole.size() > kValueBytesMax || (length != SQL_NO_TOTAL && left > kValueBytesMax)) {
      return absl::InvalidArgumentError(absl::StrCat(doing_, ": a value of column '", columns_[column].name,
                                                     "' has more than ", kValueBytesMax, " bytes"));
    }
    piece = std::clamp(left, kBoundFirst, kPieceBytes);
  }
  views_[column] = field.whole;
  return absl::OkStatus();
}

std::int64_t RowStream::Int(std::size_t column) const {
  std::int64_t number = 0;
  return absl::SimpleAtoi(absl::string_view(views_[column].data(), views_[column].size()), &number) ? number
                                                                                                    : 0;
}

}  // namespace mirror::odbc
