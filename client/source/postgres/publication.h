#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/publication_facts.h"

namespace mirror {

/// Why a table cannot be in a publication, for people: without a key that PostgreSQL writes into its log, the
/// application could not change it any more. Empty: it can.
std::string WhyUnpublishable(const PostgresTable& table);

/// What stands in a source whose log is read.
struct PublicationWish {
  std::string publication, slot;
  std::string source_id;  ///< Stands as the publication's comment.
  /// Those that are chosen. What is WhyUnpublishable() is left out.
  std::vector<PostgresTable> tables;
};

std::string PublicationComment(std::string_view source_id);
/// Empty: it is none of these comments.
std::string SourceIdOf(std::string_view comment);

/// The statements that make a publication what is wished, from what it is now. Empty: it is so. Errors:
/// kFailedPrecondition: it is one for all tables, or another source's.
absl::StatusOr<std::vector<std::string>> PublicationSql(const PublicationWish& wish,
                                                        const std::optional<PublicationFacts>& now);

/// For whom a script is, and where.
struct ScriptPlace {
  std::string schema, role;
  bool may_replicate = false;  ///< The role; else the script gives it the right, which takes a superuser.
  std::string wal_level = "logical";
};

/// Those for a DBA, as a script of psql that stops where one fails: the rights of the agent's role
/// (REPLICATION, USAGE, SELECT), the publication, and behind it the slot, where who runs it may make one and
/// the server's log has changes; else a cycle makes it. It leaves the session with a `search_path` of
/// PostgreSQL's own schema, so that no name in the rest of a script means what another role made.
absl::StatusOr<std::string> InstallScript(const PublicationWish& wish,
                                          const std::optional<PublicationFacts>& now,
                                          const ScriptPlace& place);

/// Makes it so, in one transaction, by a session that may write and whose role owns the tables. Gives what
/// was run. Errors: kPermissionDenied: the role does not own them, or may make no publication; kUnavailable:
/// a table is locked; those of PublicationSql(). Nothing is changed then.
absl::StatusOr<std::vector<std::string>> InstallPublication(postgres::Connection& connection,
                                                            const PublicationWish& wish);

/// Drops the slot, then the publication; what is not there is no error. `application`: see DropSlot().
/// Errors: kFailedPrecondition: the publication is that of a source with another id; where `source_id` is
/// empty, any goes.
absl::Status UninstallPublication(postgres::Connection& connection, const std::string& slot,
                                  const std::string& publication, const std::string& source_id,
                                  const std::string& application);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_H_
