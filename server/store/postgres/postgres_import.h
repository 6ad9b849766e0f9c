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

/// Whether an import of the tenant announced that it is about to be committed there, and its transaction is
/// not over. Errors: kUnavailable.
absl::StatusOr<bool> ImportRuns(postgres::Connection& connection, const std::string& context_id);

/// Fills a schema of its own, in one transaction: until that is committed nobody sees anything of it, and
/// whatever ends this before, a kill too, leaves nothing. Rows that others delete in the database meanwhile
/// are tidied up behind it. It takes one of the place's connections that write. Errors: as MirrorImport.
class PostgresImport {
 public:
  /// `place` outlives it.
  static absl::StatusOr<std::unique_ptr<PostgresImport>> New(PostgresPlace& place,
                                                             const std::string& context_id);
  PostgresImport(const PostgresImport&) = delete;
  PostgresImport& operator=(const PostgresImport&) = delete;

  absl::Status Begin(const MirrorContents& contents);
  absl::Status AddRows(const TableSchema& stored, RowBlock* rows);

  // Then, in this order:

  /// Those that the server keeps. It takes as long as they need, and nobody is kept waiting meanwhile.
  absl::Status MakeIndexes();
  /// From now on, until it is committed or given up, ImportRuns() says so. Waits for another import that did
  /// the same. What is left is to be done soon: a server that is gone is not waited for as long as before.
  absl::Status Announce();
  /// The schema of the tenant's present mirror gets the name `aside` with the commit: whoever writes into it
  /// is waited for, and nobody does behind that. Rights of others on it they have on the new one: see
  /// CarryRights(). Where there is no such schema nothing is done. Gives whether there is one.
  absl::StatusOr<bool> SetAside(const std::string& schema, const std::string& aside, std::int64_t epoch);
  enum class Then : std::uint8_t {
    kServed,
    kWaits,  ///< Its state stays "importing": nobody opens it.
  };
  /// The new schema gets its name, and is served from the commit on. Errors: kFailedPrecondition, too: there
  /// is one of that name, and something is in it.
  absl::Status Finish(const std::string& schema, std::int64_t epoch, Then then = Then::kServed);
  /// Behind it: waits until a standby has it. Errors: those of WaitForStandby().
  absl::Status WaitUntilReplicated();

  /// Tables on which nobody got rights since the former ones have row security.
  const std::vector<std::string>& guarded() const { return guarded_; }

 private:
  struct Filled {
    TableSchema schema;  ///< As it stands here.
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
