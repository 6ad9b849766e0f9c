#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CATALOG_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CATALOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/logged_rows.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/publication_facts.h"

namespace mirror {

/// A table of the publication in its form in the log.
struct LogCatalogTable {
  PostgresTable table;
  std::string fingerprint;
  std::string why_not;    ///< Why its log is of no use, for people; empty: it can be used.
  StreamedTables logged;  ///< The table, or its leaves; their floors are 0.
};

/// The tables of one schema that are in the publication.
struct LogCatalog {
  std::shared_ptr<const PublicationFacts> facts;  ///< Null: there is no publication.
  std::map<std::string, LogCatalogTable> tables;  ///< By name.
};

/// Reads the catalog, and again after a change. Threads: one.
class LogCatalogWatch {
 public:
  LogCatalogWatch(std::string schema, const std::string& publication)
      : schema_(std::move(schema)), watch_(publication) {}

  /// Parts of the result may be of two moments: a caller that must exclude this calls it again.
  absl::StatusOr<std::shared_ptr<const LogCatalog>> Look(postgres::Connection& connection);

 private:
  const std::string schema_;
  PublicationWatch watch_;
  std::shared_ptr<const LogCatalog> catalog_;
};

/// Returns the numbers of the columns in a fingerprint (postgres_log_tables.h).
std::set<std::int64_t> ColumnsOfFingerprint(const std::string& fingerprint);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_CATALOG_H_
