#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_BOX_SQL_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_BOX_SQL_H_

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/box_sql.h"

namespace mirror {

/// Statements over a schema of a PostgreSQL database. Texts are read as the column's type, whoever made it.
/// One that PostgreSQL cannot keep, with a NUL or not of UTF-8, has `?` in place of what it cannot.
///
/// Memory: what waits to be sent together, at most kSentAtOnce statements.
class PostgresBoxSql : public BoxSql {
 public:
  static constexpr std::size_t kSentAtOnce = 500;
  static constexpr int kAttempts = 5;  ///< Of a change that another transaction was in the way of.

  /// `connection`: one that may write; outlives it.
  PostgresBoxSql(postgres::Connection& connection, std::string schema)
      : connection_(connection), schema_(std::move(schema)) {}

  Dialect dialect() const override;
  std::string Named(std::string_view table) const override;
  std::string IndexOn(std::string_view name, std::string_view table) const override;
  std::string Place() const override;
  absl::Status Run(const std::string& sql, std::vector<Literal> bound) override;
  absl::StatusOr<std::vector<BoxRow>> Query(const std::string& sql, std::vector<Literal> bound) override;
  absl::Status Change(const std::function<absl::Status()>& work) override;
  absl::Status KeepNumber(std::string_view box, std::int64_t id) override;
  /// By the names that statements have.
  absl::StatusOr<std::set<std::string>> ColumnsOf(std::string_view table) override;

  /// Sends what waits: before the end of a transaction that somebody else began.
  absl::Status Flush();
  /// What waits was of a transaction that is no more.
  void Drop() { waiting_.clear(); }
  postgres::Connection& connection() { return connection_; }
  const std::string& schema() const { return schema_; }

 private:
  absl::Status TryChange(const std::function<absl::Status()>& work);

  struct Waiting {
    std::string sql;
    std::vector<Literal> bound;
  };
  postgres::Connection& connection_;
  const std::string schema_;
  std::vector<Waiting> waiting_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_BOX_SQL_H_
