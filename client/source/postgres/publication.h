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

/// Returns why a table cannot be in a publication, for people: without a key that PostgreSQL writes into its
/// log, the application could no longer change it. Empty: it can.
std::string WhyUnpublishable(const PostgresTable& table);

/// The wanted state of a source whose log is read.
struct PublicationWish {
  std::string publication, slot;
  std::string source_id;  ///< Stored as the publication's comment.
  /// The chosen tables. Tables that are WhyUnpublishable() are left out.
  std::vector<PostgresTable> tables;
};

std::string PublicationComment(std::string_view source_id);
/// Empty: it is no such comment.
std::string SourceIdOf(std::string_view comment);

/// Returns the statements that turn the present publication into the wanted one. Empty: nothing to do.
/// Errors: kFailedPrecondition: it is FOR ALL TABLES, or another source's.
absl::StatusOr<std::vector<std::string>> PublicationSql(const PublicationWish& wish,
                                                        const std::optional<PublicationFacts>& now);

/// The role and the schema of a script.
struct ScriptPlace {
  std::string schema, role;
  bool may_replicate = false;  ///< For the role; else the script grants it, which takes a superuser.
  std::string wal_level = "logical";
};

/// Returns the statements for a DBA, as a psql script that stops at the first error: the rights of the
/// agent's role (REPLICATION, USAGE, SELECT), the publication, then the slot, if the user may make one and
/// the server's log has changes; otherwise a cycle makes it. It leaves the session with a `search_path` of
/// PostgreSQL's own schema, so no name in the rest of the script means an object of another role.
absl::StatusOr<std::string> InstallScript(const PublicationWish& wish,
                                          const std::optional<PublicationFacts>& now,
                                          const ScriptPlace& place);

/// Applies the wish in one transaction, with a session that may write and whose role owns the tables. Returns
/// the statements that were run. Errors, which change nothing: kPermissionDenied: the role does not own them,
/// or may make no publication; kUnavailable: a table is locked; those of PublicationSql().
absl::StatusOr<std::vector<std::string>> InstallPublication(postgres::Connection& connection,
                                                            const PublicationWish& wish);

/// Drops the slot, then the publication; a missing one is no error. `application`: see DropSlot(). Errors:
/// kFailedPrecondition: the publication belongs to a source with another id; not checked if `source_id` is
/// empty.
absl::Status UninstallPublication(postgres::Connection& connection, const std::string& slot,
                                  const std::string& publication, const std::string& source_id,
                                  const std::string& application);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_H_
