#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_FACTS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_FACTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"

namespace mirror {

/// The next step if the agent's role does not own the tables, such as a role with minimal rights.
inline constexpr char kInstallForOwner[] =
    "type 'mirror-agent install --print-sql --config FILE | psql -v ON_ERROR_STOP=1 …', where psql connects "
    "to that database as the tables' owner or a superuser; or run 'install' with the owner's 'dsn'";

/// A table that is named in a publication.
struct PublishedTable {
  std::uint32_t oid = 0;
  std::uint32_t membership = 0;  ///< pg_publication_rel.oid: it changes when the table is removed and added.
  std::string name;
  std::string quoted;                 ///< With its schema.
  bool filters = false;               ///< Only some of its rows are published.
  bool lists_columns = false;         ///< Only some of its columns are published.
  std::vector<std::uint32_t> leaves;  ///< Of a partitioned table: its parts, and their parts.
  std::string fingerprint;            ///< Of its definition, see postgres_log_tables.h.
};

/// A publication at one moment.
struct PublicationFacts {
  std::uint32_t oid = 0;
  std::string name;
  bool all_tables = false;     ///< FOR ALL TABLES
  bool whole_schemas = false;  ///< FOR TABLES IN SCHEMA
  bool every_action = false;   ///< Inserts, updates, deletes, truncates.
  bool via_root = false;       ///< publish_via_partition_root
  std::string comment;
  std::vector<PublishedTable> tables;  ///< By oid.

  /// Null: it is not named.
  const PublishedTable* Find(std::uint32_t table) const;
};

/// Outside of a transaction it makes its own, otherwise it reads in the caller's. Absent: there is none.
absl::StatusOr<std::optional<PublicationFacts>> ReadPublication(postgres::Connection& connection,
                                                                const std::string& publication);

/// The facts about a publication whose log is read, read again when the catalogs show a change. Threads:
/// one.
class PublicationWatch {
 public:
  explicit PublicationWatch(std::string publication) : publication_(std::move(publication)) {}

  /// Returns the facts as of this call, or slightly later; null: there is none.
  absl::StatusOr<std::shared_ptr<const PublicationFacts>> Look(postgres::Connection& connection);

 private:
  const std::string publication_;
  std::string digest_;  ///< Digest of the catalogs before `facts_` were read.
  std::shared_ptr<const PublicationFacts> facts_;
};

/// Returns why none of its tables can be read from the log, for people. Empty: they can.
std::string WhyUnusable(const PublicationFacts& publication);
/// The same for one table. Empty: it can be read.
std::string WhyNotStreamed(const PublicationFacts& publication, std::uint32_t table, const std::string& name);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_FACTS_H_
