#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_QUERY_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_QUERY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// One statement with its values, for the few rows of the change log's own tables.
class LogQuery {
 public:
  LogQuery(const SqliteFile& file, const std::string& sql) : file_(file), statement_(file.Prepare(sql)) {}

  LogQuery& Bind(std::int64_t value) {
    if (statement_.ok()) sqlite3_bind_int64(statement_->get(), ++bound_, value);
    return *this;
  }
  LogQuery& Bind(const std::string& value) {
    if (statement_.ok()) {
      sqlite3_bind_text(statement_->get(), ++bound_, value.data(), static_cast<int>(value.size()),
                        SQLITE_TRANSIENT);
    }
    return *this;
  }
  /// False: there are no more rows.
  absl::StatusOr<bool> Step() {
    if (!statement_.ok()) return statement_.status();
    const int code = sqlite3_step(statement_->get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return file_.Error(code, "its change log");
  }
  absl::Status Run() { return Step().status(); }

  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_->get(), column); }
  std::string Text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_->get(), column));
    const int bytes = sqlite3_column_bytes(statement_->get(), column);
    return text == nullptr ? "" : std::string(text, static_cast<std::size_t>(bytes));
  }

 private:
  const SqliteFile& file_;
  absl::StatusOr<Statement> statement_;
  int bound_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_QUERY_H_
