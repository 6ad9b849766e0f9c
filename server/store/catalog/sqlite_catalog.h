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

// The parts of a catalog file, with one interface for each kind of user.

namespace mirror {

/// The failures that a change of the catalog survives.
enum class Outlives {
  kProcess,  ///< kill -9: the change has reached the operating system.
  kPower,    ///< A power failure: the change has reached the disk.
};

/// The database file of the events and the audit log, `<dir>/catalog.db`. It is created if it is missing. If
/// damage is detected, the damaged file is moved aside and a new one is created. A file of an earlier version
/// is upgraded. Threads: any.
class CatalogFile {
 public:
  /// Opens or creates the file. Errors: kUnavailable; kFailedPrecondition: the file has the layout of a later
  /// version.
  static absl::StatusOr<std::shared_ptr<CatalogFile>> Open(const std::string& dir);

  using Work = std::function<absl::Status(const sqlite::Connection&)>;
  /// Runs `work` while no other call uses the file. Converts SQLite's errors to kUnavailable. After damage it
  /// runs `work` once more, in a new and empty catalog.
  absl::Status Run(Outlives outlives, const Work& work);
  /// Does Run(), with `work` in one write transaction.
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
  bool damaged_ MIRROR_GUARDED_BY(mutex_) = false;  ///< SQLite reported damage during the present call.
  Outlives outlives_ MIRROR_GUARDED_BY(mutex_) = Outlives::kProcess;
  /// The first event id in a catalog that replaced a damaged one; 0: ids begin at 1.
  std::int64_t first_event_id_ MIRROR_GUARDED_BY(mutex_) = 0;
};

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<CatalogFile> file);
std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<CatalogFile> file);
std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<CatalogFile> file);
std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max = kLooksMax);

/// Opens a catalog of events and summaries only, in `<dir>/catalog.db`.
absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_SQLITE_CATALOG_H_
