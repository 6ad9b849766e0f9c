#include "base/db/sqlite/statement.h"

#include <sqlite3.h>

#include <utility>

#include "base/db/sqlite/connection.h"
#include "base/status_macros.h"

namespace mirror::sqlite {
namespace {

/// SQLite treats a null pointer as NULL.
const char* DataOf(std::string_view bytes) { return bytes.data() == nullptr ? "" : bytes.data(); }

}  // namespace

Statement::Statement(const Connection& connection, sqlite3_stmt* prepared, std::string_view doing)
    : connection_(&connection), statement_(prepared), doing_(doing) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      kept_(other.kept_),
      doing_(std::move(other.doing_)),
      status_(std::move(other.status_)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this == &other) return *this;
  Leave();
  connection_ = other.connection_;
  statement_ = std::exchange(other.statement_, nullptr);
  kept_ = other.kept_;
  doing_ = std::move(other.doing_);
  status_ = std::move(other.status_);
  return *this;
}

void Statement::Leave() {
  if (!kept_) {
    sqlite3_finalize(statement_);
  } else if (statement_ != nullptr) {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  statement_ = nullptr;
}

bool Statement::IsReadOnly() const { return sqlite3_stmt_readonly(statement_) != 0; }

Statement& Statement::Took(int code) {
  if (code != SQLITE_OK && status_.ok()) status_ = connection_->Error(code, doing_);
  return *this;
}

Statement& Statement::BindInt(int place, std::int64_t value) {
  return statement_ == nullptr ? *this : Took(sqlite3_bind_int64(statement_, place, value));
}

Statement& Statement::Bind(int place, double value) {
  return statement_ == nullptr ? *this : Took(sqlite3_bind_double(statement_, place, value));
}

Statement& Statement::Bind(int place, std::string_view text) {
  if (statement_ == nullptr) return *this;
  return Took(sqlite3_bind_text64(statement_, place, DataOf(text), text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

Statement& Statement::Bind(int place, std::string&& text) {
  if (statement_ == nullptr) return *this;
  return Took(
      sqlite3_bind_text64(statement_, place, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

Statement& Statement::Bind(int place, const Value& value) {
  return statement_ == nullptr ? *this : Took(value.Bind(statement_, place));
}

Statement& Statement::BindBlob(int place, std::string_view bytes) {
  if (statement_ == nullptr) return *this;
  return Took(sqlite3_bind_blob64(statement_, place, DataOf(bytes), bytes.size(), SQLITE_STATIC));
}

Statement& Statement::BindNull(int place) {
  return statement_ == nullptr ? *this : Took(sqlite3_bind_null(statement_, place));
}

absl::StatusOr<bool> Statement::Step() {
  if (!status_.ok()) return status_;
  if (statement_ == nullptr) return absl::FailedPreconditionError("no statement was prepared");
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->Error(code, doing_);
}

absl::Status Statement::StepToRow() {
  ASSIGN_OR_RETURN(const bool row, Step());
  return row ? absl::OkStatus() : connection_->Error(SQLITE_DONE, doing_);
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = true;
  while (row.ok() && *row) row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  status_ = absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Statement::Texts() {
  std::vector<std::string> texts;
  absl::StatusOr<bool> row = Step();
  for (; row.ok() && *row; row = Step()) texts.push_back(Text(0));
  if (!row.ok()) return row.status();
  return texts;
}

int Statement::columns() const { return sqlite3_column_count(statement_); }

Type Statement::TypeAt(int column) const {
  return static_cast<Type>(sqlite3_column_type(statement_, column));
}

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::View(int column) const {
  // sqlite3_column_value() is not used, because its value is not protected if several threads use the
  // connection.
  const void* const data = TypeAt(column) == Type::kBlob
                               ? sqlite3_column_blob(statement_, column)
                               : static_cast<const void*>(sqlite3_column_text(statement_, column));
  return ViewOf(data, sqlite3_column_bytes(statement_, column));
}

Value Statement::ValueAt(int column) const {
  Value value;
  value.type = TypeAt(column);
  if (value.type == Type::kInteger) value.integer = Int(column);
  if (value.type == Type::kReal) value.real = Real(column);
  if (value.type == Type::kText || value.type == Type::kBlob) value.bytes = Text(column);
  return value;
}

sqlite3_value* Statement::RawValue(int column) const { return sqlite3_column_value(statement_, column); }

absl::StatusOr<sqlite3_stmt*> StatementCache::Find(const std::string& sql, std::string_view doing) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_.handle(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return connection_.Error(code, doing);
  statements_.emplace(sql, statement);
  return statement;
}

Statement StatementCache::Prepare(const std::string& sql, std::string_view doing) {
  const absl::StatusOr<sqlite3_stmt*> found = Find(sql, doing);
  if (!found.ok()) return Statement(found.status());
  Statement statement(connection_, *found, doing);
  statement.kept_ = true;
  return statement;
}

void StatementCache::Forget() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
}

}  // namespace mirror::sqlite
