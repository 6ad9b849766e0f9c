#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_WORDS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_WORDS_H_

#include <string>

#include "absl/status/status.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/server/server_words.h"

namespace mirror {

/// The snapshot of a transaction, and whether a standby gave it.
inline constexpr char kPostgresSnapshotSql[] = "SELECT pg_current_snapshot()::text, pg_is_in_recovery()";
/// Rows of a standby may be older than what its server's log gave, and nobody could tell.
absl::Status StandbyAnswered();

/// An error of reading a table, for people, with the code that SourceReader promises: kAborted where a new
/// look helps.
absl::Status ExplainReading(const absl::Status& status, const PostgresTable& table, const std::string& role);

/// What has to be granted so that the role can read the table, for people. Empty: nothing.
std::string WhyUnreadable(const PostgresTable& table, const std::string& role);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_WORDS_H_
