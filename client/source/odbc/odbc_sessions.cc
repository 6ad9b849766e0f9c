#include "client/source/odbc/odbc_sessions.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/odbc/failure.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "client/source/server/server_words.h"

namespace mirror {
namespace {

/// Maximum number of active readers: a look reads one table, and rows by their keys beside it.
constexpr std::size_t kOdbcSessionsKept = 4;

/// Whether an error is about the password; drivers mostly only report that the server was not reached.
bool IsAboutPassword(const absl::Status& status) {
  const std::string words(status.message());
  return odbc::TroubleOf(status) == odbc::Trouble::kNotLetIn ||
         words.find("no password supplied") != std::string::npos ||
         words.find("password authentication failed") != std::string::npos;
}

absl::Status ExplainOdbcConnect(const absl::Status& status, const OdbcAccess& access) {
  if (IsAboutPassword(status)) {
    return WithWords(status,
                     absl::StrCat(std::string(status.message()),
                                  access.password_file.empty()
                                      ? ". Write the user's password into a file of its own with mode "
                                        "0600, and name that as 'password_file'; or correct the user "
                                        "in 'dsn'"
                                      : ". Correct the password in the file of 'password_file', or the "
                                        "user in 'dsn'"));
  }
  return odbc::TroubleOf(status) == odbc::Trouble::kNotReached ? SourceAway(status) : status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<odbc::Connection>> OdbcSessions::Connect() {
  absl::StatusOr<odbc::ConnectionString> to = odbc::ConnectionString::Parse(access_.dsn);
  if (!to.ok())
    return absl::InvalidArgumentError(absl::StrCat("'dsn': ", std::string(to.status().message())));
  if (const std::string key = to->SecretKey(); !key.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'dsn' holds a password (", key,
        "), and everybody who may read the configuration can see it: write it into a file of its own with "
        "mode 0600, and name that as 'password_file'"));
  }
  odbc::ConnectAs as{*std::move(to)};
  as.connect_within = access_.connect_within;
  if (!access_.password_file.empty()) {
    ASSIGN_OR_RETURN(std::string password, ReadPasswordFile(access_.password_file));
    as.password = std::move(password);
  }
  if (dialect_ == nullptr) {
    AddFileOptions(access_.dialect, driver_, &as.to);
    absl::StatusOr<std::unique_ptr<odbc::Connection>> first = odbc::Connection::Open(as);
    if (!first.ok()) return ExplainOdbcConnect(first.status(), access_);
    driver_ = (*first)->driver();
    dialect_ = MakeOdbcDialect(access_.dialect, **first, access_.schema);
  }
  // A 'dsn' that names a DSN of odbc.ini does not tell the driver.
  AddFileOptions(access_.dialect, driver_, &as.to);
  dialect_->AddOptions(driver_, &as.to);
  absl::StatusOr<std::unique_ptr<odbc::Connection>> connection = odbc::Connection::Open(as);
  if (!connection.ok()) return ExplainOdbcConnect(connection.status(), access_);
  (*connection)->SetAnswerWithin(access_.catalogs_within);
  RETURN_IF_ERROR(dialect_->Prepare(**connection));
  return connection;
}

absl::StatusOr<std::unique_ptr<odbc::Connection>> OdbcSessions::Take() {
  while (!idle_.empty()) {
    std::unique_ptr<odbc::Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->IsDead()) continue;
    connection->SetAnswerWithin(access_.catalogs_within);
    return connection;
  }
  return Connect();
}

void OdbcSessions::GiveBack(std::unique_ptr<odbc::Connection> connection) {
  if (connection->IsDead() || idle_.size() >= kOdbcSessionsKept) return;
  idle_.push_back(std::move(connection));
}

absl::StatusOr<OdbcPlace> OdbcSessions::Look() {
  idle_.clear();
  dialect_.reset();
  ASSIGN_OR_RETURN(std::unique_ptr<odbc::Connection> connection, Connect());
  absl::StatusOr<OdbcPlace> place = dialect_->Look(*connection);
  if (place.ok()) GiveBack(std::move(connection));
  return place;
}

absl::StatusOr<std::unique_ptr<OdbcReading>> OdbcReading::Make(std::shared_ptr<OdbcSessions> sessions) {
  ASSIGN_OR_RETURN(std::unique_ptr<odbc::Connection> connection, sessions->Take());
  return std::unique_ptr<OdbcReading>(new OdbcReading(std::move(sessions), std::move(connection)));
}

absl::Status OdbcReading::Begin(const OdbcTable& table) {
  has_begun_ = true;
  absl::Status begun = sessions_->dialect().Begin(*connection_, table);
  connection_->SetAnswerWithin(sessions_->access().rows_within);
  return begun;
}

OdbcReading::~OdbcReading() {
  if (has_begun_ && (connection_->IsDead() || !sessions_->dialect().End(*connection_).ok())) return;
  sessions_->GiveBack(std::move(connection_));
}

}  // namespace mirror
