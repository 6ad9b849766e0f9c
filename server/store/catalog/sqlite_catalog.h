#ifndef MIRROR_SERVER_STORE_CATALOG_SQLITE_CATALOG_H_
#define MIRROR_SERVER_STORE_CATALOG_SQLITE_CATALOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "base/mutex.h"
#include "server/store/catalog/audit_log.h"
#include "server/store/catalog/catalog.h"

// What stands in one catalog file, each part for who needs it.

namespace mirror {

/// What a change of the catalog has to outlive.
enum class Outlives {
  kProcess,  ///< kill -9: the system has it.
  kPower,    ///< The disk has it.
};

/// The database behind the events and the audit log, `<dir>/catalog.db`. Made anew when it is not there; one
/// that is damaged is moved aside, whenever that shows, and made anew. One of an earlier version is taken
/// over. Threads: any.
class CatalogFile {
 public:
  /// Errors: kUnavailable; kFailedPrecondition: a later version of the program arranged it.
  static absl::StatusOr<std::shared_ptr<CatalogFile>> Open(const std::string& dir);

  using Work = std::function<absl::Status(const sqlite::Connection&)>;
  /// Does `work`, alone. SQLite's errors are kUnavailable; after damage it is done once more, in a new and
  /// empty catalog.
  absl::Status Run(Outlives outlives, const Work& work);
  /// The same in one transaction that writes.
  absl::Status Write(Outlives outlives, const Work& work);

  const std::string& path() const { return path_; }

 private:
  explicit CatalogFile(const std::string& dir) : path_(dir + "/catalog.db") {}
  absl::Status Explain(const sqlite::Failure& failure) MIRROR_REQUIRES(mutex_);
  absl::Status Begin(Outlives outlives) MIRROR_REQUIRES(mutex_);
  absl::Status Connect() MIRROR_REQUIRES(mutex_);
  absl::Status MakeTables(const sqlite::Connection& database, std::int64_t version) const
      MIRROR_REQUIRES(mutex_);
  absl::Status MoveAside() MIRROR_REQUIRES(mutex_);

  const std::string path_;
  Mutex mutex_;
  std::unique_ptr<sqlite::Connection> database_ MIRROR_GUARDED_BY(mutex_);
  bool damaged_ MIRROR_GUARDED_BY(mutex_) = false;  ///< SQLite found it so, since it was asked last.
  Outlives outlives_ MIRROR_GUARDED_BY(mutex_) = Outlives::kProcess;
  /// Of a catalog that took a damaged one's place; 0: from 1.
  std::int64_t first_event_id_ MIRROR_GUARDED_BY(mutex_) = 0;
};

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<CatalogFile> file);
std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<CatalogFile> file);
std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<CatalogFile> file);
std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max = kLooksMax);

/// Events and summaries alone, in `<dir>/catalog.db`.
absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_SQLITE_CATALOG_H_
