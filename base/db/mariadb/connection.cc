#include "base/db/mariadb/connection.h"

#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace mirror::mariadb {

std::int64_t Rows::Int(std::size_t row, std::size_t column) const {
  const std::string_view text = View(row, column);
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? number : 0;
}

bool Rows::Add(const std::vector<std::string_view>& fields) {
  std::size_t more = fields.size() * sizeof(Place);
  for (const std::string_view field : fields) more += field.size();
  if (bytes_.size() + values_.size() * sizeof(Place) + more > kRowsBytesMax) return false;
  for (const std::string_view field : fields) {
    values_.push_back(field.data() == nullptr ? Place{} : Place{bytes_.size(), field.size()});
    bytes_.append(field);
  }
  return true;
}

namespace {

constexpr std::uint32_t kOldestVersion = 100500;
/// The allowed methods of login. With other methods a hostile server could ask for the password in clear
/// text.
constexpr char kLoginMethods[] = "mysql_native_password,client_ed25519,auth_gssapi_client";
constexpr char kNoTls[] =
    "the server has no TLS: give it a certificate, or write tls=off if nobody can read the network between";
constexpr std::size_t kProgramNameBytesMax = 63;
/// Greatest size of a packet. A row is one packet.
constexpr unsigned long kPacketBytesMax = 1UL << 30;  // MariaDB's own limit.

/// Settings on which the text forms of values and statements depend. They override defaults of the server or
/// the user.
constexpr const char* kPinned[] = {
    "SET NAMES utf8mb4",
    "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', "
    "div_precision_increment = 4, sql_select_limit = 18446744073709551615, group_concat_max_len = 1048576, "
    "sql_quote_show_create = ON, autocommit = 1, completion_type = 'NO_CHAIN', lc_time_names = 'en_US'",
};

void InitializeLibrary() {
  // Two threads must not initialize the library at the same time.
  static const int done = mysql_library_init(0, nullptr, nullptr);
  (void)done;
}

unsigned int WholeSeconds(std::chrono::milliseconds time) {
  if (time.count() <= 0) return 0;
  return static_cast<unsigned int>(std::max<std::int64_t>(1, (time.count() + 999) / 1000));
}

/// Makes the kernel detect within seconds that the peer's machine is down, even if an answer may take long.
void KeepAlive(int socket) {
  const int on = 1, idle_seconds = 5, interval_seconds = 2, count = 3, unheard_ms = 10'000;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof(interval_seconds));
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
}

void SetOptions(MYSQL* handle, const ConnectAs& as, const Dsn& dsn) {
  const unsigned int connect_within = std::max(1U, WholeSeconds(as.connect_within));
  const unsigned int answer_within = WholeSeconds(as.answer_within);
  const unsigned int off = 0;
  mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_within);
  mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &answer_within);
  mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &answer_within);
  // With LOCAL INFILE a server could request any file of this machine.
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &off);
  mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &kPacketBytesMax);
  mysql_options(handle, MARIADB_OPT_RESTRICTED_AUTH, kLoginMethods);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (!as.program_name.empty()) {
    mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name",
                   as.program_name.substr(0, kProgramNameBytesMax).c_str());
  }
  const my_bool enforce = dsn.tls == Tls::kOff ? 0 : 1, verify = dsn.tls == Tls::kVerify ? 1 : 0;
  mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (!dsn.tls_ca.empty()) mysql_options(handle, MYSQL_OPT_SSL_CA, dsn.tls_ca.c_str());
}

}  // namespace

Connection::~Connection() { Close(); }

void Connection::Close() {
  if (handle_ != nullptr) mysql_close(handle_);
  handle_ = nullptr;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectAs& as) {
  InitializeLibrary();
  ASSIGN_OR_RETURN(Dsn dsn, ReadDsn(as.dsn));
  const absl::StatusOr<std::string> password =
      as.password_file.empty() ? std::string() : ReadPasswordFile(as.password_file);
  if (!password.ok()) return password.status();
  if (!dsn.tls_ca.empty()) RETURN_IF_ERROR(ReadKeyFile(dsn.tls_ca, FileUse::kPublic).status());
  std::unique_ptr<Connection> connection(new Connection(std::move(dsn)));
  std::vector<std::pair<std::string, std::uint16_t>> hosts = connection->dsn_.hosts;
  if (hosts.empty()) hosts.emplace_back();
  absl::Status connected;
  for (const auto& [host, port] : hosts) {
    connected = connection->Connect(as, host, port, *password);
    // Another host would refuse this user, too, and may count refused logins.
    if (connected.ok() || TroubleOf(connected) == Trouble::kNotLetIn) break;
  }
  if (connected.ok()) connected = connection->SetUp(as);
  if (!connected.ok()) return connected;
  return connection;
}

absl::Status Connection::Connect(const ConnectAs& as, const std::string& host, std::uint16_t port,
                                 const std::string& password) {
  handle_ = mysql_init(nullptr);
  if (handle_ == nullptr) return absl::ResourceExhaustedError("there is no memory for a connection");
  SetOptions(handle_, as, dsn_);
  const bool by_socket = dsn_.hosts.empty();
  const unsigned int protocol = by_socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  mysql_options(handle_, MYSQL_OPT_PROTOCOL, &protocol);
  bool is_in =
      mysql_real_connect(handle_, by_socket ? nullptr : host.c_str(), dsn_.user.c_str(), password.c_str(),
                         /*database=*/nullptr, port, by_socket ? dsn_.socket.c_str() : nullptr,
                         /*flags=*/0) != nullptr;
  // If the server has no TLS, the library continues without TLS, unless it has to verify the server.
  if (is_in && dsn_.tls != Tls::kOff && cipher().empty()) {
    Close();
    return ToStatus({.trouble = Trouble::kNotLetIn, .words = kNoTls},
                    absl::StrCat("connecting to ", dsn_.Name()));
  }
  if (is_in) is_in = mysql_select_db(handle_, dsn_.database.c_str()) == 0;
  if (is_in) {
    if (!by_socket) KeepAlive(mysql_get_socket(handle_));
    server_thread_ = mysql_thread_id(handle_);
    server_version_ = static_cast<std::uint32_t>(mysql_get_server_version(handle_));
    return absl::OkStatus();
  }
  const Failure failure = ReadRefusal(mysql_errno(handle_), mysql_error(handle_), !password.empty());
  Close();
  return ToStatus(failure, absl::StrCat("connecting to ", dsn_.Name()));
}

absl::Status Connection::SetUp(const ConnectAs& as) {
  if (mariadb_connection(handle_) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(dsn_.Name(), " is not MariaDB, although it speaks MariaDB's protocol"));
  }
  if (server_version_ < kOldestVersion) {
    return absl::FailedPreconditionError(absl::StrCat(dsn_.Name(), " is MariaDB ", server_version_ / 10000,
                                                      ".", server_version_ / 100 % 100,
                                                      "; the oldest version that can be used is 10.5"));
  }
  std::vector<std::string> all(std::begin(kPinned), std::end(kPinned));
  all.insert(all.end(), as.settings.begin(), as.settings.end());
  for (const std::string& sql : all) {
    RETURN_IF_ERROR(Execute(sql, "setting up the session"));
  }
  return absl::OkStatus();
}

absl::Status Connection::ErrorNow(std::string_view doing) {
  if (handle_ == nullptr) {
    return ToStatus(
        {.trouble = Trouble::kLost, .words = absl::StrCat("the connection to ", dsn_.Name(), " was lost")},
        doing);
  }
  return Failed(ReadFailure(mysql_errno(handle_), mysql_error(handle_)), doing);
}

absl::Status Connection::Failed(const Failure& failure, std::string_view doing) {
  if (failure.trouble == Trouble::kLost || failure.trouble == Trouble::kNotReady) Close();
  return ToStatus(failure, doing);
}

absl::Status Connection::Send(const std::string& sql, std::string_view doing) {
  if (handle_ == nullptr || mysql_real_query(handle_, sql.data(), sql.size()) != 0) return ErrorNow(doing);
  return absl::OkStatus();
}

absl::Status Connection::Execute(const std::string& sql, std::string_view doing) {
  return Query(sql, doing).status();
}

absl::StatusOr<Rows> Connection::Query(const std::string& sql, std::string_view doing) {
  ASSIGN_OR_RETURN(RowStream stream, Stream(sql, doing));
  Rows rows(stream.fields().size());
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, stream.Step());
    if (!more) return rows;
    if (!rows.Add(stream.fields())) {
      return absl::ResourceExhaustedError(absl::StrCat(std::string(doing), doing.empty() ? "" : ": ",
                                                       "the answer has more than ", kRowsBytesMax, " bytes"));
    }
  }
}

absl::StatusOr<std::int64_t> Connection::Number(const std::string& sql, std::string_view doing) {
  ASSIGN_OR_RETURN(const Rows rows, Query(sql, doing));
  if (rows.rows() == 0 || rows.columns() == 0 || rows.IsNull(0, 0))
    return ToStatus({.words = "there is no row, or it has no number"}, doing);
  return rows.Int(0, 0);
}

absl::StatusOr<RowStream> Connection::Stream(const std::string& sql, std::string_view doing) {
  RETURN_IF_ERROR(Send(sql, doing));
  const std::size_t columns = mysql_field_count(handle_);
  if (columns == 0) return RowStream(*this, nullptr, 0, doing);
  st_mysql_res* const result = mysql_use_result(handle_);
  if (result == nullptr) return ErrorNow(doing);
  return RowStream(*this, result, columns, doing);
}

bool Connection::IsAlive() const {
  if (handle_ == nullptr) return false;
  char byte = 0;
  const ssize_t got = recv(mysql_get_socket(handle_), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

absl::Status Connection::UseAgain() {
  constexpr char kDoing[] = "using its database again";
  if (handle_ == nullptr || mysql_select_db(handle_, dsn_.database.c_str()) != 0) return ErrorNow(kDoing);
  return absl::OkStatus();
}

absl::Status Connection::KillOther(std::uint64_t server_thread) {
  const absl::Status killed = Execute(absl::StrCat("KILL CONNECTION ", server_thread), "ending a connection");
  constexpr unsigned int kNoSuchThread = 1094;
  return FailureOf(killed).number == kNoSuchThread ? absl::OkStatus() : killed;
}

std::string Connection::cipher() const {
  const char* const cipher = handle_ == nullptr ? nullptr : mysql_get_ssl_cipher(handle_);
  return cipher == nullptr ? "" : cipher;
}

RowStream::RowStream(RowStream&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      result_(std::exchange(other.result_, nullptr)),
      doing_(std::move(other.doing_)),
      fields_(std::move(other.fields_)) {}

RowStream::~RowStream() {
  if (connection_ == nullptr || result_ == nullptr) return;
  // Without this call, freeing the result would read all remaining rows.
  mariadb_cancel(connection_->handle());
  mysql_free_result(result_);
  connection_->Close();
}

/// Frees the result. Must be called before the connection is closed, because the result refers to it.
void RowStream::Free() {
  mysql_free_result(result_);
  result_ = nullptr;
  connection_ = nullptr;
}

absl::StatusOr<bool> RowStream::Step() {
  if (result_ == nullptr) return false;
  const MYSQL_ROW row = mysql_fetch_row(result_);
  if (row == nullptr) {
    Connection* const connection = connection_;
    const Failure failure = ReadFailure(mysql_errno(connection->handle()), mysql_error(connection->handle()));
    Free();
    // At the end of the rows the library reports no error.
    if (failure.number == 0) return false;
    return connection->Failed(failure, doing_);
  }
  const unsigned long* const lengths = mysql_fetch_lengths(result_);
  for (std::size_t i = 0; i < fields_.size(); ++i)
    fields_[i] = row[i] == nullptr ? std::string_view() : std::string_view(row[i], lengths[i]);
  return true;
}

}  // namespace mirror::mariadb
