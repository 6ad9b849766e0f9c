#include "client/exchange/postgres/postgres_match_set.h"

#include <xxhash.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<PostgresMatchSet> PostgresMatchSet::Make(postgres::Connection& connection,
                                                        PostgresMembers& members,
                                                        const PostgresMember& member, const MatchRule& rule) {
  PostgresMatchSet set(member, rule);
  postgres::Transaction look(connection);
  RETURN_IF_ERROR(look.Begin({.repeatable_read = true, .read_only = true}));
  // It lasts as long as the table is large.
  RETURN_IF_ERROR(connection.Execute("SET LOCAL statement_timeout TO 0"));
  ASSIGN_OR_RETURN(const postgres::Rows seen,
                   connection.Query("SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text", {},
                                    "asking for its snapshot"));
  set.seen_ = seen.Text(0, 0);
  RETURN_IF_ERROR(set.Add(connection, members, "", {}));
  RETURN_IF_ERROR(look.RollBack());
  return set;
}

std::uint64_t PostgresMatchSet::HashOf(const std::vector<std::string>& values) {
  std::string joined;
  for (const std::string& value : values) absl::StrAppend(&joined, value.size(), ":", value);
  return XXH3_64bits(joined.data(), joined.size());
}

absl::Status PostgresMatchSet::Add(postgres::Connection& connection, PostgresMembers& members,
                                   const std::string& where, const PostgresTexts& bound) {
  return ReadPostgresValues(
      connection, members, *member_, rule_.columns,
      absl::StrCat("SELECT ", member_->Values(rule_.columns), " FROM ", member_->Rows(), where), bound,
      [this](RowOf row) {
        if (const auto values = rule_.Normalised(row)) hashes_.insert(HashOf(*values));
        return absl::OkStatus();
      });
}

absl::Status PostgresMatchSet::CatchUp(postgres::Connection& connection, PostgresMembers& members) {
  return Add(connection, members, absl::StrCat(" WHERE age(t.xmin) <= age('", seen_, "'::xid)"), {});
}

absl::StatusOr<std::optional<RowOf>> PostgresMatchSet::Find(postgres::Connection& connection,
                                                            PostgresMembers& members,
                                                            const std::vector<std::string>& values) {
  std::optional<RowOf> found;
  // Of a row that is gone by now, it may be.
  if (!hashes_.contains(HashOf(values))) return found;
  const std::vector<std::uint32_t> read = member_->table.KeyAnd(rule_.columns);
  const std::size_t parts = member_->table.key.size();
  RETURN_IF_ERROR(ReadPostgresValues(
      connection, members, *member_, read,
      absl::StrCat("SELECT ", member_->Values(read), " FROM ", member_->Rows()), {}, [&](RowOf row) {
        if (!found && rule_.Normalised(row, parts) == values)
          found.emplace(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(parts));
        return absl::OkStatus();
      }));
  return found;
}

}  // namespace mirror
