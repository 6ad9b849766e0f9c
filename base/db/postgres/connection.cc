#include "base/db/postgres/connection.h"

#include <libpq-fe.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/name.h"
#include "base/status_macros.h"

namespace mirror::postgres {

std::string PreparedStatements::KeyOf(const std::string& sql, Values values) {
  std::string key = sql;
  for (const Value& value : values) AppendNumber(key, static_cast<std::uint32_t>(value.type()));
  return key;
}

PreparedStatements::Use PreparedStatements::UseOf(const std::string& key) {
  if (max_ == 0) return {};
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    entries_.push_front({key, ""});
    by_key_[key] = entries_.begin();
    if (entries_.size() > max_) Drop(std::string(entries_.back().key));
    return {};
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  Entry& entry = entries_.front();
  const bool is_new = entry.name.empty();
  if (is_new) entry.name = absl::StrCat("mirror_", ++names_);
  return {entry.name, is_new};
}

void PreparedStatements::Forget(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  entries_.erase(found->second);
  by_key_.erase(found);
}

void PreparedStatements::Drop(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  if (!found->second->name.empty()) dropped_.push_back(found->second->name);
  Forget(key);
}

std::vector<std::string> PreparedStatements::TakeDropped() { return std::exchange(dropped_, {}); }

Canceller::Canceller(pg_conn* connection) : cancel_(PQgetCancel(connection)) {}

Canceller::~Canceller() { PQfreeCancel(cancel_); }

absl::Status Canceller::Cancel() {
  const MutexLock lock(mutex_);
  if (!allowed_)
    return absl::FailedPreconditionError("nothing was cancelled: the connection commits or is closed");
  char words[256] = "";
  if (cancel_ == nullptr || PQcancel(cancel_, words, sizeof(words)) != 1) {
    return absl::UnavailableError("the server was not reached, so the statement there was not cancelled");
  }
  return absl::OkStatus();
}

void Canceller::Allow(bool allow) {
  const MutexLock lock(mutex_);
  allowed_ = allow;
}

namespace {

constexpr int kText = 0, kBinary = 1;
constexpr std::size_t kValuesMax = 65'535;       // Limit of PostgreSQL.
constexpr std::size_t kValueBytesMax = 1 << 30;  // Limit of PostgreSQL.
constexpr std::chrono::milliseconds kCancelAgain{100};
/// Older servers do not know the setting and would refuse it.
constexpr char kTablesOnlySql[] =
    "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = "
    "'restrict_nonsystem_relation_kind';";

absl::StatusOr<std::string> SettingsSql(const Parameters& settings) {
  std::string sql;
  for (const auto& [name, value] : settings) {
    ASSIGN_OR_RETURN(const std::string key, QuotedName(name));
    std::vector<std::string> parts = {value};
    // PostgreSQL would treat a list in a single text as one name.
    if (name == "search_path") parts = absl::StrSplit(value, ", ");
    for (std::string& part : parts) {
      ASSIGN_OR_RETURN(std::string quoted, QuotedText(part));
      part = std::move(quoted);
    }
    absl::StrAppend(&sql, "SET ", key, " TO ", absl::StrJoin(parts, ", "), ";");
  }
  return sql;
}

Parameters SettingsOf(const ConnectAs& as) {
  Parameters settings = PinnedSettings();
  settings.insert(settings.end(), as.settings.begin(), as.settings.end());
  return settings;
}

}  // namespace

absl::Status CheckSql(const std::string& sql) {
  if (sql.find('\0') == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError("a statement holds a NUL, and PostgreSQL would cut it there");
}

BoundValues::BoundValues(Values values) {
  if (values.size() > kValuesMax) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("a statement has ", values.size(), " values, and PostgreSQL's limit is ", kValuesMax));
    return;
  }
  for (const Value& value : values) {
    const std::string_view binary = value.binary();
    if (binary.size() >= kValueBytesMax) {
      status_ = absl::InvalidArgumentError(absl::StrCat("value $", data_.size() + 1, " of a statement has ",
                                                        binary.size(),
                                                        " bytes, and PostgreSQL takes less than 1 GB"));
      return;
    }
    types_.push_back(static_cast<unsigned int>(value.type()));
    // libpq treats a null pointer as NULL.
    data_.push_back(value.is_null() ? nullptr : binary.data() == nullptr ? "" : binary.data());
    sizes_.push_back(static_cast<int>(binary.size()));
    formats_.push_back(value.type() == Type::kUnknown ? kText : kBinary);
    bytes_ += binary.size();
  }
}

Connection::Connection(std::unique_ptr<Line> line, std::size_t statements_max)
    : line_(std::move(line)),
      prepared_(statements_max),
      canceller_(std::make_shared<Canceller>(line_->handle())) {}

Connection::~Connection() { canceller_->Allow(false); }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectAs& as) {
  ASSIGN_OR_RETURN(std::unique_ptr<Line> line, Line::Open(as));
  std::unique_ptr<Connection> connection(new Connection(std::move(line), as.statements_max));
  ASSIGN_OR_RETURN(std::string settings, SettingsSql(SettingsOf(as)));
  // This statement follows the one that sets search_path, so that its names are PostgreSQL's own.
  if (as.tables_only) absl::StrAppend(&settings, kTablesOnlySql);
  connection->SetAnswerWithin(as.connect_within);
  RETURN_IF_ERROR(connection->ExecuteAs(IfLost::kNothing, settings, "setting up the session").status());
  connection->SetAnswerWithin(as.answer_within);
  return connection;
}

void Connection::RenewCanceller() {
  canceller_->Allow(false);
  if (line_->IsOpen()) canceller_ = std::make_shared<Canceller>(line_->handle());
}

absl::Status Connection::Execute(const std::string& sql, std::string_view doing) {
  // Outside of a transaction, a text of several statements may contain a COMMIT.
  return ExecuteAs(InTransaction() ? IfLost::kNothing : IfLost::kUnknown, sql, doing).status();
}

absl::StatusOr<Rows> Connection::Command(const std::string& command, std::string_view doing) {
  ASSIGN_OR_RETURN(Result result,
                   ExecuteAs(InTransaction() ? IfLost::kNothing : IfLost::kUnknown, command, doing));
  return Rows(std::move(result));
}

absl::StatusOr<Result> Connection::ExecuteAs(IfLost if_lost, const std::string& sql, std::string_view doing) {
  RETURN_IF_ERROR(CheckSql(sql));
  RETURN_IF_ERROR(line_->Begin(if_lost, doing));
  RETURN_IF_ERROR(line_->Send(PQsendQuery(line_->handle(), sql.c_str()), doing));
  return line_->Finish(doing);
}

absl::Status Connection::DeallocateDropped() {
  if (!line_->IsOpen() || PQtransactionStatus(line_->handle()) == PQTRANS_INERROR) return absl::OkStatus();
  std::string sql;
  for (const std::string& name : prepared_.TakeDropped()) absl::StrAppend(&sql, "DEALLOCATE ", name, ";");
  if (sql.empty()) return absl::OkStatus();
  return ExecuteAs(IfLost::kNothing, sql, "deallocating statements").status();
}

void Connection::NoteFailed(const std::string& key, const absl::Status& failed) {
  const Failure failure = FailureOf(failed);
  if (failure.trouble != Trouble::kStalePlan) return;
  if (failure.sqlstate == "26000") {
    prepared_.Forget(key);
  } else {
    prepared_.Drop(key);
  }
}

namespace {

absl::Status SendUnnamed(Line& line, const std::string& sql, const BoundValues& bound,
                         std::string_view doing) {
  return line.Send(PQsendQueryParams(line.handle(), sql.c_str(), bound.size(), bound.types(), bound.data(),
                                     bound.sizes(), bound.formats(), kBinary),
                   doing);
}

}  // namespace

absl::Status Connection::SendStatement(const std::string& sql, Values values, IfLost if_lost,
                                       std::string_view doing) {
  RETURN_IF_ERROR(CheckSql(sql));
  const BoundValues bound(values);
  if (!bound.status().ok()) return bound.status();
  line_->NoteSize(bound.bytes());
  RETURN_IF_ERROR(DeallocateDropped());
  RETURN_IF_ERROR(line_->Begin(IfLost::kNothing, doing));
  const std::string key = PreparedStatements::KeyOf(sql, values);
  const PreparedStatements::Use use = prepared_.UseOf(key);
  PGconn* const handle = line_->handle();
  if (use.has_to_be_prepared) {
    absl::Status prepared =
        line_->Send(PQsendPrepare(handle, use.name.c_str(), sql.c_str(), bound.size(), bound.types()), doing);
    if (prepared.ok()) prepared = line_->Finish(doing).status();
    if (!prepared.ok()) {
      prepared_.Forget(key);
      return prepared;
    }
  }
  RETURN_IF_ERROR(line_->Begin(if_lost, doing));
  if (use.name.empty()) return SendUnnamed(*line_, sql, bound, doing);
  return line_->Send(PQsendQueryPrepared(handle, use.name.c_str(), bound.size(), bound.data(), bound.sizes(),
                                         bound.formats(), kBinary),
                     doing);
}

absl::StatusOr<Result> Connection::RunOnce(const std::string& sql, Values values, std::string_view doing) {
  // In a transaction no change is durable before the COMMIT.
  const IfLost if_lost = line_->InTransaction() ? IfLost::kNothing : IfLost::kUnknown;
  RETURN_IF_ERROR(SendStatement(sql, values, if_lost, doing));
  absl::StatusOr<Result> result = line_->Finish(doing);
  if (!result.ok()) NoteFailed(PreparedStatements::KeyOf(sql, values), result.status());
  return result;
}

absl::StatusOr<Rows> Connection::Query(const std::string& sql, Values values, std::string_view doing) {
  absl::StatusOr<Result> result = RunOnce(sql, values, doing);
  // Repeats the statement. In a transaction the caller must repeat the whole transaction instead.
  if (!result.ok() && TroubleOf(result.status()) == Trouble::kStalePlan && IsIdle()) {
    result = RunOnce(sql, values, doing);
  }
  if (!result.ok()) return result.status();
  return Rows(*std::move(result));
}

absl::StatusOr<std::int64_t> Connection::Run(const std::string& sql, Values values, std::string_view doing) {
  ASSIGN_OR_RETURN(const Rows rows, Query(sql, values, doing));
  return rows.affected();
}

absl::StatusOr<std::int64_t> Connection::Number(const std::string& sql, Values values,
                                                std::string_view doing) {
  ASSIGN_OR_RETURN(const Rows rows, Query(sql, values, doing));
  if (rows.rows() == 0 || rows.IsNull(0, 0)) {
    return ToStatus({.words = "there is no row, or it has no number"}, doing);
  }
  const Type type = rows.TypeOf(0);
  if (type != Type::kInt8 && type != Type::kInt4 && type != Type::kInt2 && type != Type::kOid &&
      type != Type::kBool) {
    return rows.Require({Type::kInt8});
  }
  return rows.Int(0, 0);
}

absl::StatusOr<std::vector<Type>> Connection::ColumnTypes(const std::string& sql, std::string_view doing) {
  RETURN_IF_ERROR(CheckSql(sql));
  RETURN_IF_ERROR(line_->Begin(IfLost::kNothing, doing));
  RETURN_IF_ERROR(SendUnnamed(*line_, sql, BoundValues(Values()), doing));
  ASSIGN_OR_RETURN(Result result, line_->Finish(doing));
  return Rows(std::move(result)).Types();
}

absl::StatusOr<RowStream> Connection::Stream(const std::string& sql, Values values, std::string_view doing) {
  RETURN_IF_ERROR(CheckSql(sql));
  const BoundValues bound(values);
  if (!bound.status().ok()) return bound.status();
  line_->NoteSize(bound.bytes());
  RETURN_IF_ERROR(line_->Begin(IfLost::kNothing, doing));
  // The statement is never prepared: it takes long anyway, and a stale plan would make it fail.
  RETURN_IF_ERROR(SendUnnamed(*line_, sql, bound, doing));
  if (PQsetSingleRowMode(line_->handle()) != 1)
    return line_->Cut(doing, {.words = "libpq does not return single rows"});
  return RowStream(*this, doing);
}

void Connection::GiveUp(const std::function<bool(std::chrono::milliseconds)>& ended) {
  const auto until = Line::Clock::now() + kGiveUpWithin;
  const AnswersWithin patience(*this, kGiveUpWithin);
  do {
    if (!canceller_->Cancel().ok()) break;
    if (ended(kCancelAgain)) return;
  } while (Line::Clock::now() < until);
  Close();
}

absl::Status Connection::Probe() {
  return ExecuteAs(IfLost::kNothing, "", "probing the connection").status();
}

std::string Connection::Setting(const std::string& name) const {
  const char* const value = IsOpen() ? PQparameterStatus(line_->handle(), name.c_str()) : nullptr;
  return value == nullptr ? "" : value;
}

int Connection::server_pid() const { return IsOpen() ? PQbackendPID(line_->handle()) : 0; }

namespace {

/// Ends libpq's single-row mode, which libpq keeps until the next statement outside of a pipeline. Otherwise
/// the first statement of a pipeline would return each row as a result of its own, and no rows at its end.
absl::Status LeaveSingleRows(Connection& connection) {
  return connection.IsOpen() ? connection.Probe() : absl::OkStatus();
}

}  // namespace

RowStream::RowStream(RowStream&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      doing_(std::move(other.doing_)),
      row_(std::move(other.row_)) {}

RowStream::~RowStream() {
  if (connection_ == nullptr || !connection_->IsOpen()) return;
  Line& line = connection_->line();
  connection_->GiveUp([&](std::chrono::milliseconds within) {
    const auto until = Line::Clock::now() + within;
    while (line.HasNext(within)) {
      const absl::StatusOr<Result> next = line.Next(doing_);
      if (!next.ok() || *next == nullptr) return true;
      if (Line::Clock::now() >= until) return false;
    }
    return false;
  });
  LeaveSingleRows(*connection_).IgnoreError();
}

bool RowStream::IsReady(std::chrono::milliseconds within) {
  return connection_ == nullptr || connection_->line().HasNext(within);
}

absl::StatusOr<bool> RowStream::Step() {
  if (connection_ == nullptr) return false;
  Line& line = connection_->line();
  absl::StatusOr<Result> next = line.Next(doing_);
  if (next.ok() && *next != nullptr && PQresultStatus(next->get()) == PGRES_SINGLE_TUPLE) {
    row_ = Rows(*std::move(next));
    return true;
  }
  row_ = Rows();
  Connection* const connection = std::exchange(connection_, nullptr);
  if (!next.ok()) return next.status();
  if (*next == nullptr) return connection->IsOpen() ? absl::StatusOr<bool>(false) : line.Cut(doing_);
  absl::Status ended;
  if (PQresultStatus(next->get()) != PGRES_TUPLES_OK && PQresultStatus(next->get()) != PGRES_COMMAND_OK) {
    ended = line.ErrorOf(next->get(), doing_);
  }
  if (connection->IsOpen()) {
    absl::Status rest = line.Finish(doing_).status();
    if (rest.ok()) rest = LeaveSingleRows(*connection);
    if (ended.ok()) ended = rest;
  }
  if (!ended.ok()) return ended;
  return false;
}

}  // namespace mirror::postgres
