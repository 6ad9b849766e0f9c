#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_IMPORT_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_IMPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/pool.h"
#include "base/db/postgres/transaction.h"
#include "server/store/mirror_contents.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/table_work.h"

namespace mirror {

/// Returns whether the transaction of an import of this tenant still runs in that place, after it announced
/// its commit. Errors: kUnavailable.
absl::StatusOr<bool> ImportRuns(postgres::Connection& connection, const std::string& context_id);

/// Fills a new schema in one transaction. Until the commit no other session sees any of it. If anything ends
/// the import before, even a kill, nothing is left. During a long transaction PostgreSQL cannot vacuum rows
/// that are deleted meanwhile; it does so later. Holds one of the place's write connections. Errors: those of
/// MirrorImport.
class PostgresImport {
 public:
  /// `place` must outlive the object.
  static absl::StatusOr<std::unique_ptr<PostgresImport>> New(PostgresPlace& place,
                                                             const std::string& context_id);
  PostgresImport(const PostgresImport&) = delete;
  PostgresImport& operator=(const PostgresImport&) = delete;

  absl::Status Begin(const MirrorContents& contents);
  absl::Status AddRows(const TableSchema& stored, RowBlock* rows);

  // After the rows the caller calls the following functions, in this order:

  /// Makes the indexes that the server keeps. This may take long, but blocks no other session.
  absl::Status MakeIndexes();
  /// Announces the commit: from now on, until the commit or rollback, ImportRuns() returns true. Waits for
  /// another import that has announced itself. The caller must commit soon, because now an idle session ends
  /// after 2 minutes instead of 1 hour.
  absl::Status Announce();
  /// Renames the schema of the tenant's present mirror to `aside`, effective at the commit. Waits for the
  /// writers of that mirror; afterwards no one writes to it. On the new schema other roles get the rights
  /// that they had on the old one, see CarryRights(). Does nothing if there is no such schema. Returns
  /// whether there is one.
  absl::StatusOr<bool> SetAside(const std::string& schema, const std::string& aside, std::int64_t epoch);
  enum class Then : std::uint8_t {
    kServed,
    kWaits,  ///< The state stays "importing". No server opens the mirror.
  };
  /// Gives the new schema its final name. From the commit on the mirror is served. Errors: also
  /// kFailedPrecondition: a schema of that name exists and is not empty.
  absl::Status Finish(const std::string& schema, std::int64_t epoch, Then then = Then::kServed);
  /// Waits until a standby has the mirror. Called after Finish(). Errors: those of WaitForStandby().
  absl::Status WaitUntilReplicated();

  /// Returns the tables on which no role got rights, because the former tables have row security.
  const std::vector<std::string>& guarded() const { return guarded_; }

 private:
  struct Filled {
    TableSchema schema;  ///< The table as it is in the new schema.
    PostgresTarget target;
  };
  PostgresImport(postgres::Lease lease, PlaceKind kind, const std::string& context_id,
                 const std::string& schema);
  absl::Status MakeSchema();
  absl::Status MakeTable(const ContentsTable& table);
  absl::Status DropIfEmpty(const std::string& schema);

  postgres::Lease lease_;
  const PlaceKind kind_;
  const std::string context_id_;
  const PostgresOwnTables names_;
  const postgres::AnswersWithin patience_;
  postgres::Transaction transaction_;
  std::map<std::string, Filled> tables_;  ///< By folded name.
  std::vector<IndexChange> own_indexes_;
  std::vector<std::string> guarded_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_IMPORT_H_
