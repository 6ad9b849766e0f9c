#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_MATCH_SET_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_MATCH_SET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/match_set.h"
#include "client/exchange/postgres/postgres_members.h"
#include "client/exchange/postgres/postgres_values.h"

namespace mirror {

/// What MatchSet is, of a PostgreSQL table: values are read as the reader reads them and normalised here, so
/// that they are what the hub makes of them. Made by one look at all rows. Behind that only rows are read
/// that a transaction wrote which the look did not see to its end, by their xmin.
///
/// Memory: some 50 bytes a row. Errors: those of ReadPostgresValues(). Threads: one.
class PostgresMatchSet {
 public:
  /// Takes the look, in a transaction of its own. `member` outlives it.
  static absl::StatusOr<PostgresMatchSet> Make(postgres::Connection& connection, PostgresMembers& members,
                                               const PostgresMember& member, const MatchRule& rule);

  /// In a serializable transaction, as the next. Takes in what was written since.
  absl::Status CatchUp(postgres::Connection& connection, PostgresMembers& members);
  /// `values`: normalised. The key of a row that matches; absent: there is none.
  absl::StatusOr<std::optional<RowOf>> Find(postgres::Connection& connection, PostgresMembers& members,
                                            const std::vector<std::string>& values);

 private:
  PostgresMatchSet(const PostgresMember& member, MatchRule rule) : member_(&member), rule_(std::move(rule)) {}
  static std::uint64_t HashOf(const std::vector<std::string>& values);
  absl::Status Add(postgres::Connection& connection, PostgresMembers& members, const std::string& where,
                   const PostgresTexts& bound);

  const PostgresMember* member_;
  MatchRule rule_;
  std::string seen_;  ///< The lowest transaction that the look did not see to its end.
  std::unordered_set<std::uint64_t> hashes_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_MATCH_SET_H_
