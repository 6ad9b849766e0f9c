#include "base/db/odbc/connection.h"

#include <sql.h>
#include <sqlext.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/db/odbc/connection.h"
#include "base/db/odbc/failure.h"
#include "base/status_macros.h"

namespace mirror::odbc {
namespace {

constexpr bool Is(SqlType type, int number) { return static_cast<std::int64_t>(type) == number; }
static_assert(Is(SqlType::kNumeric, SQL_NUMERIC) && Is(SqlType::kDecimal, SQL_DECIMAL) &&
              Is(SqlType::kInteger, SQL_INTEGER) && Is(SqlType::kSmallint, SQL_SMALLINT) &&
              Is(SqlType::kFloat, SQL_FLOAT) && Is(SqlType::kReal, SQL_REAL) &&
              Is(SqlType::kDouble, SQL_DOUBLE) && Is(SqlType::kDate, SQL_TYPE_DATE) &&
              Is(SqlType::kTime, SQL_TYPE_TIME) && Is(SqlType::kTimestamp, SQL_TYPE_TIMESTAMP) &&
              Is(SqlType::kBinary, SQL_BINARY) && Is(SqlType::kVarbinary, SQL_VARBINARY) &&
              Is(SqlType::kLongVarbinary, SQL_LONGVARBINARY) && Is(SqlType::kBigint, SQL_BIGINT) &&
              Is(SqlType::kTinyint, SQL_TINYINT) && Is(SqlType::kBit, SQL_BIT) &&
              Is(SqlType::kGuid, SQL_GUID) && kNoNulls == SQL_NO_NULLS);

SQLCHAR* Chars(const std::string& text) {
  return const_cast<SQLCHAR*>(reinterpret_cast<const SQLCHAR*>(text.c_str()));
}

SQLPOINTER Seconds(std::chrono::seconds time) {
  return reinterpret_cast<SQLPOINTER>(static_cast<std::uintptr_t>(time.count()));
}

/// Returns advice for a missing driver.
std::string NoDriver(const ConnectionString& to) {
  const std::string* const driver = to.Find("DRIVER");
  const std::string named = driver != nullptr
                                ? absl::StrCat("the ODBC driver '", *driver, "' cannot be loaded")
                                : "the driver of the ODBC data source that 'dsn' names cannot be loaded";
  return absl::StrCat(
      named,
      ". Nothing was read. Install it (Debian: odbc-postgresql, odbc-mariadb, libsqliteodbc), and name it as "
      "'odbcinst -q -d' (for a DSN 'odbcinst -q -s') lists it, or by the path of its library. The ODBC "
      "driver manager says");
}

}  // namespace

/// Buffers that a statement's parameters point to.
struct Connection::Bound {
  std::vector<SQLLEN> lengths;
};

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectAs& as) {
  std::unique_ptr<Connection> connection(new Connection);
  connection->secrets_ = as.to.Secrets();
  if (!as.password.empty()) connection->secrets_.push_back(as.password);
  RETURN_IF_ERROR(connection->Connect(as));
  return connection;
}

absl::Status Connection::Connect(const ConnectAs& as) {
  const auto no_memory = [] { return absl::ResourceExhaustedError("ODBC gives no handle"); };
  if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment_))) return no_memory();
  SQLSetEnvAttr(environment_, SQL_ATTR_ODBC_VERSION,
                reinterpret_cast<SQLPOINTER>(static_cast<std::uintptr_t>(SQL_OV_ODBC3)), 0);
  if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, environment_, &handle_))) return no_memory();
  // A driver without this attribute waits without a limit.
  SQLSetConnectAttr(handle_, SQL_ATTR_LOGIN_TIMEOUT, Seconds(as.connect_within), 0);
  ConnectionString to = as.to;
  if (!as.password.empty()) to.Set("PWD", as.password);
  const std::string text = to.ToString();
  const SQLRETURN connected =
      SQLDriverConnect(handle_, nullptr, Chars(text), SQL_NTS, nullptr, 0, nullptr, SQL_DRIVER_NOPROMPT);
  if (!SQL_SUCCEEDED(connected)) {
    const Failure failure = ReadFailure(SQL_HANDLE_DBC, handle_, secrets_, /*connecting=*/true);
    if (failure.trouble == Trouble::kNoDriver) return ToStatus(failure, NoDriver(as.to));
    return ToStatus(failure, absl::StrCat("connecting to the ODBC source (", as.to.Place(), ")"));
  }
  is_connected_ = true;
  dbms_ = Info(SQL_DBMS_NAME);
  driver_ = Info(SQL_DRIVER_NAME);
  quote_ = Info(SQL_IDENTIFIER_QUOTE_CHAR);
  if (quote_ == " ") quote_.clear();
  gives_bound_again_ = (Number(SQL_GETDATA_EXTENSIONS) & SQL_GD_BOUND) != 0 &&
                       (Number(SQL_GETDATA_EXTENSIONS) & SQL_GD_ANY_COLUMN) != 0;
  has_schemas_ = Number(SQL_SCHEMA_USAGE) != 0;
  return absl::OkStatus();
}

Connection::~Connection() {
  if (is_connected_) {
    SQLEndTran(SQL_HANDLE_DBC, handle_, SQL_ROLLBACK);
    SQLDisconnect(handle_);
  }
  if (handle_ != nullptr) SQLFreeHandle(SQL_HANDLE_DBC, handle_);
  if (environment_ != nullptr) SQLFreeHandle(SQL_HANDLE_ENV, environment_);
}

std::string Connection::Info(std::uint16_t what) const {
  std::array<SQLCHAR, 1024> text{};
  SQLSMALLINT length = 0;
  if (!SQL_SUCCEEDED(
          SQLGetInfo(handle_, what, text.data(), static_cast<SQLSMALLINT>(text.size() - 1), &length)))
    return "";
  return reinterpret_cast<const char*>(text.data());
}

std::uint32_t Connection::Number(std::uint16_t what) const {
  SQLUINTEGER number = 0;
  SQLSMALLINT length = 0;
  return SQL_SUCCEEDED(SQLGetInfo(handle_, what, &number, sizeof number, &length)) ? number : 0;
}

std::string Connection::server() const { return Info(SQL_SERVER_NAME); }
std::string Connection::database() const { return Info(SQL_DATABASE_NAME); }
std::string Connection::user() const { return Info(SQL_USER_NAME); }

bool Connection::IsDead() const {
  if (is_lost_) return true;
  SQLUINTEGER dead = SQL_CD_FALSE;
  return SQL_SUCCEEDED(SQLGetConnectAttr(handle_, SQL_ATTR_CONNECTION_DEAD, &dead, sizeof dead, nullptr)) &&
         dead == SQL_CD_TRUE;
}

absl::Status Connection::Failed(std::int16_t handle_type, void* handle, std::string_view doing) {
  Failure failure = ReadFailure(handle_type, handle, secrets_);
  // Drivers have no common error code for a lost connection.
  if (failure.trouble == Trouble::kOther && IsDead()) failure.trouble = Trouble::kLost;
  if (failure.trouble == Trouble::kNotReached) failure.trouble = Trouble::kLost;
  is_lost_ = is_lost_ || failure.trouble == Trouble::kLost;
  return ToStatus(failure, doing);
}

absl::StatusOr<std::unique_ptr<RowStream>> Connection::NewStatement(std::string_view doing,
                                                                    std::size_t rows_max) {
  SQLHSTMT statement = nullptr;
  if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, handle_, &statement)))
    return Failed(SQL_HANDLE_DBC, handle_, doing);
  ++statements_;
  std::unique_ptr<RowStream> rows(new RowStream(*this, statement, std::string(doing)));
  // A driver ignores the attributes that it does not know.
  SQLSetStmtAttr(statement, SQL_ATTR_NOSCAN, reinterpret_cast<SQLPOINTER>(SQL_NOSCAN_ON), SQL_IS_UINTEGER);
  SQLSetStmtAttr(statement, SQL_ATTR_QUERY_TIMEOUT, Seconds(answer_within_), SQL_IS_UINTEGER);
  if (rows_max > 0) {
    SQLSetStmtAttr(statement, SQL_ATTR_MAX_ROWS, reinterpret_cast<SQLPOINTER>(rows_max), SQL_IS_UINTEGER);
  }
  return rows;
}

absl::Status Connection::Execute(const std::string& sql, std::string_view doing) {
  const absl::StatusOr<std::unique_ptr<RowStream>> rows = Query(sql, {}, {}, doing);
  return rows.status();
}

absl::StatusOr<std::unique_ptr<RowStream>> Connection::Query(const std::string& sql,
                                                             const std::vector<Parameter>& parameters,
                                                             const std::vector<Fetch>& fetches,
                                                             std::string_view doing, std::size_t rows_max) {
  absl::StatusOr<std::unique_ptr<RowStream>> rows = NewStatement(doing, rows_max);
  if (!rows.ok()) return rows;
  SQLHSTMT const statement = (*rows)->statement_;
  Bound bound{std::vector<SQLLEN>(parameters.size())};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto bind = [&](SQLSMALLINT c_type, SQLSMALLINT type, std::size_t size, const void* data,
                          SQLLEN length) {
      bound.lengths[i] = length;
      return SQLBindParameter(statement, static_cast<SQLUSMALLINT>(i + 1), SQL_PARAM_INPUT, c_type, type,
                              std::max<SQLULEN>(size, 1), 0, const_cast<void*>(data),
                              static_cast<SQLLEN>(size), &bound.lengths[i]);
    };
    constexpr std::size_t kShort = 8'000;
    SQLRETURN done = SQL_SUCCESS;
    if (const auto* integer = std::get_if<std::int64_t>(&parameters[i])) {
      done = bind(SQL_C_SBIGINT, SQL_BIGINT, sizeof *integer, integer, sizeof *integer);
    } else if (const auto* real = std::get_if<double>(&parameters[i])) {
      done = bind(SQL_C_DOUBLE, SQL_DOUBLE, sizeof *real, real, sizeof *real);
    } else if (const auto* text = std::get_if<std::string>(&parameters[i])) {
      done = bind(SQL_C_CHAR, text->size() > kShort ? SQL_LONGVARCHAR : SQL_VARCHAR, text->size(),
                  text->data(), static_cast<SQLLEN>(text->size()));
    } else if (const auto* blob = std::get_if<Blob>(&parameters[i])) {
      done = bind(SQL_C_BINARY, blob->bytes.size() > kShort ? SQL_LONGVARBINARY : SQL_VARBINARY,
                  blob->bytes.size(), blob->bytes.data(), static_cast<SQLLEN>(blob->bytes.size()));
    } else {
      done = bind(SQL_C_CHAR, SQL_VARCHAR, 0, "", SQL_NULL_DATA);
    }
    if (!SQL_SUCCEEDED(done)) return (*rows)->Failed();
  }
  const SQLRETURN executed = SQLExecDirect(statement, Chars(sql), static_cast<SQLINTEGER>(sql.size()));
  if (!SQL_SUCCEEDED(executed) && executed != SQL_NO_DATA) return (*rows)->Failed();
  RETURN_IF_ERROR((*rows)->Describe(fetches));
  return rows;
}

absl::StatusOr<std::string> Connection::Text(const std::string& sql, std::string_view doing) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RowStream> rows, Query(sql, {}, {}, doing));
  ASSIGN_OR_RETURN(const bool there, rows->Step());
  return there ? rows->Text(0) : "";
}

absl::StatusOr<std::unique_ptr<RowStream>> Connection::Ask(Catalog what, const std::string& catalog,
                                                           const std::string& schema,
                                                           const std::string& table) {
  absl::StatusOr<std::unique_ptr<RowStream>> rows = NewStatement("reading its catalogs", 0);
  if (!rows.ok()) return rows;
  SQLHSTMT const statement = (*rows)->statement_;
  const auto name = [](const std::string& text) { return text.empty() ? nullptr : Chars(text); };
  SQLRETURN asked = SQL_SUCCESS;
  switch (what) {
    case Catalog::kTables: {
      static const std::string kAll = "%", kType = "TABLE";
      asked = SQLTables(statement, name(catalog), SQL_NTS, name(schema), SQL_NTS, Chars(kAll), SQL_NTS,
                        Chars(kType), SQL_NTS);
      break;
    }
    case Catalog::kColumns:
      asked = SQLColumns(statement, name(catalog), SQL_NTS, name(schema), SQL_NTS, name(table), SQL_NTS,
                         nullptr, 0);
      break;
    case Catalog::kPrimaryKey:
      asked = SQLPrimaryKeys(statement, name(catalog), SQL_NTS, name(schema), SQL_NTS, name(table), SQL_NTS);
      break;
  }
  if (!SQL_SUCCEEDED(asked)) return (*rows)->Failed();
  RETURN_IF_ERROR((*rows)->Describe({}));
  return rows;
}

}  // namespace mirror::odbc
