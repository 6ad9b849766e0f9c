#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_BOXES_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_BOXES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/box_source.h"
#include "client/exchange/postgres_members.h"

namespace mirror {

/// Statements over a schema of a PostgreSQL database. A text parameter has the type of its column.
/// In a text that PostgreSQL cannot keep (with a NUL, or not UTF-8), `?` replaces the bad bytes.
///
/// Memory: statements that wait to be sent together, at most kSentAtOnce.
class PostgresBoxSql : public BoxSql {
 public:
  static constexpr std::size_t kSentAtOnce = 500;
  static constexpr int kAttempts = 5;  ///< Tries of a change that another transaction blocks.

  /// `connection`: may write, and outlives this object.
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
  /// Returns the columns under the names that statements use.
  absl::StatusOr<std::set<std::string>> ColumnsOf(std::string_view table) override;

  /// Sends the waiting statements. Call it before the end of a transaction that another class began.
  absl::Status Flush();
  /// Discards the waiting statements: their transaction was rolled back.
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

/// A PostgreSQL source. Its log does not say which columns changed, and the agent reads it with a delay.
/// So triggers note the key and the columns of each change by the application in `_mirror_datajoin_change`
/// (see postgres_box_triggers.h), and TakeChanges() reads them there. The triggers do not note writes of
/// an import. All rows that an outbox could name are in the log already: none has to be sent again.
///
/// Memory: the keys of a piece, and one row. Errors: also those of ReadPostgresValues().
class PostgresBoxes : public BoxSource {
 public:
  /// Both outlive it. Its Look() invalidates pointers that other callers got from `members`.Find().
  PostgresBoxes(postgres::Connection& connection, PostgresMembers& members, const std::string& schema)
      : sql_(connection, schema), members_(members) {}

  BoxSql& sql() override { return sql_; }
  /// See PostgresBoxSql::Flush().
  absl::Status Flush() { return sql_.Flush(); }

  absl::StatusOr<const MemberTable*> Find(const std::string& sent_name) override;
  absl::StatusOr<bool> TakeChanges(std::int64_t limit,
                                   const std::function<absl::Status(const ChangedForBox&)>& tell) override;
  absl::Status PassChanges() override;
  absl::StatusOr<bool> HideImport() override;
  absl::StatusOr<bool> SendRow(const std::string& table, const std::string& key) override;

 private:
  absl::Status Look();
  /// Converts these texts to a key as the reader has it. Absent: no row of the table could have it.
  absl::StatusOr<std::optional<RowOf>> KeyOf(const PostgresMember& member,
                                             const std::vector<std::string>& texts);
  absl::StatusOr<std::optional<RowOf>> ReadKey(const PostgresMember& member,
                                               const std::vector<std::string>& texts);
  absl::Status TellOne(const PostgresMember& member, const std::string& key, ChangedForBox change,
                       const std::function<absl::Status(const ChangedForBox&)>& tell);

  PostgresBoxSql sql_;
  PostgresMembers& members_;
  bool has_looked_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_BOXES_H_
