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

/// What to do where the agent's role does not own the tables, as the least role does not.
inline constexpr char kInstallForOwner[] =
    "type 'mirror-agent install --print-sql --config FILE | psql -v ON_ERROR_STOP=1 …', where psql connects "
    "to that database as the tables' owner or a superuser; or run 'install' with the owner's 'dsn'";

/// A table that is named in a publication.
struct PublishedTable {
  std::uint32_t oid = 0;
  std::uint32_t membership = 0;  ///< pg_publication_rel.oid: another one once it was taken out.
  std::string name;
  std::string quoted;          ///< With its schema.
  bool filters = false;        ///< Only some of its rows are published.
  bool lists_columns = false;  ///< Only some of its columns are.
  std::vector<std::uint32_t>
      leaves;               ///< Of a partitioned one: tables that are its parts, and parts of these.
  std::string fingerprint;  ///< Of its definition, see postgres_log_tables.h.
};

/// A publication as it was at one moment.
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

/// Outside of a transaction it makes one of its own, else it reads in that. Absent: there is none.
absl::StatusOr<std::optional<PublicationFacts>> ReadPublication(postgres::Connection& connection,
                                                                const std::string& publication);

/// What a publication is wherever its log is read: the same facts, read again when the catalogs say that
/// something moved. Threads: one.
class PublicationWatch {
 public:
  explicit PublicationWatch(std::string publication) : publication_(std::move(publication)) {}

  /// As of the call, or a little behind it; null: there is none.
  absl::StatusOr<std::shared_ptr<const PublicationFacts>> Look(postgres::Connection& connection);

 private:
  const std::string publication_;
  std::string digest_;  ///< Of the catalogs before `facts_` were read.
  std::shared_ptr<const PublicationFacts> facts_;
};

/// What keeps all of its tables from being read from the log, for people. Empty: nothing.
std::string WhyUnusable(const PublicationFacts& publication);
/// The same of one table. Empty: nothing.
std::string WhyNotStreamed(const PublicationFacts& publication, std::uint32_t table, const std::string& name);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_PUBLICATION_FACTS_H_
