#include "tools/benchmarks/bare_fetch.h"

#include <sql.h>
#include <sqlext.h>

#include <array>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

constexpr std::size_t kTextBytes = 256;

class Handle {
 public:
  Handle(SQLSMALLINT type, SQLHANDLE parent) : type_(type) {
    if (!SQL_SUCCEEDED(SQLAllocHandle(type, parent, &handle_))) handle_ = SQL_NULL_HANDLE;
  }
  ~Handle() {
    if (handle_ != SQL_NULL_HANDLE) SQLFreeHandle(type_, handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  SQLHANDLE get() const { return handle_; }
  absl::Status Failed() const {
    std::array<SQLCHAR, 6> state{};
    std::array<SQLCHAR, 512> words{};
    SQLGetDiagRec(type_, handle_, 1, state.data(), nullptr, words.data(), words.size(), nullptr);
    return absl::UnknownError(absl::StrCat("ODBC: ", reinterpret_cast<const char*>(words.data())));
  }

 private:
  const SQLSMALLINT type_;
  SQLHANDLE handle_ = SQL_NULL_HANDLE;
};

SQLCHAR* Words(const std::string& text) {
  return reinterpret_cast<SQLCHAR*>(const_cast<char*>(text.c_str()));
}

class Session {
 public:
  Session() : environment_(SQL_HANDLE_ENV, SQL_NULL_HANDLE) {
    SQLSetEnvAttr(environment_.get(), SQL_ATTR_ODBC_VERSION, reinterpret_cast<SQLPOINTER>(SQL_OV_ODBC3), 0);
    connection_ = std::make_unique<Handle>(SQL_HANDLE_DBC, environment_.get());
  }
  ~Session() {
    if (is_connected_) SQLDisconnect(connection_->get());
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  absl::Status Connect(const std::string& to) {
    is_connected_ = SQL_SUCCEEDED(SQLDriverConnect(connection_->get(), nullptr, Words(to), SQL_NTS, nullptr,
                                                   0, nullptr, SQL_DRIVER_NOPROMPT));
    return is_connected_ ? absl::OkStatus() : connection_->Failed();
  }
  SQLHANDLE connection() const { return connection_->get(); }

 private:
  Handle environment_;
  std::unique_ptr<Handle> connection_;
  bool is_connected_ = false;
};

}  // namespace

absl::StatusOr<SourceReading> FetchBare(const std::string& connection, const std::string& sql) {
  Session session;
  RETURN_IF_ERROR(session.Connect(connection));
  SourceReading reading;
  const Clock::time_point start = Clock::now();
  const Handle statement(SQL_HANDLE_STMT, session.connection());
  if (!SQL_SUCCEEDED(SQLExecDirect(statement.get(), Words(sql), SQL_NTS))) return statement.Failed();
  SQLSMALLINT columns = 0;
  SQLNumResultCols(statement.get(), &columns);
  std::vector<std::array<char, kTextBytes>> texts(static_cast<std::size_t>(columns));
  std::vector<SQLLEN> sizes(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    SQLBindCol(statement.get(), static_cast<SQLUSMALLINT>(i + 1), SQL_C_CHAR, texts[i].data(), kTextBytes,
               &sizes[i]);
  }
  SQLRETURN fetched = SQLFetch(statement.get());
  for (; fetched == SQL_SUCCESS; fetched = SQLFetch(statement.get())) {
    ++reading.rows;
    for (const SQLLEN size : sizes) reading.bytes += size > 0 ? static_cast<std::uint64_t>(size) : 0;
  }
  // SQL_SUCCESS_WITH_INFO: a text was cut, so that less was read than there is.
  if (fetched != SQL_NO_DATA) return statement.Failed();
  reading.seconds = Since(start);
  return reading;
}

}  // namespace mirror::bench
