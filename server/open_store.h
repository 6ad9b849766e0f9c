#ifndef MIRROR_SERVER_OPEN_STORE_H_
#define MIRROR_SERVER_OPEN_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "server/hub/hub_file.h"
#include "server/store/catalog/audit_log.h"
#include "server/store/catalog/catalog.h"
#include "server/store/folder_lock.h"
#include "server/store/home.h"
#include "server/store/postgres/place/control.h"
#include "server/store/start_mark.h"
#include "server/store/store_state.h"

// The one place that knows which stores there are.

namespace mirror {

/// Everything that lasts: the mirrors, and what is kept of all of them.
struct OpenedStore {
  std::unique_ptr<FolderLock> folder;  ///< Null: `home` has it.
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<AuditLog> audit_log;
  std::unique_ptr<LookLog> look_log;
  std::unique_ptr<HookCursor> hook_cursor;
  std::unique_ptr<StoreHome> home;
  std::unique_ptr<StartMark> start;          ///< Null: no commit waits for the next one to be on disk.
  std::shared_ptr<PostgresControl> control;  ///< Null: no other server has these mirrors.
  HubFiles hub_files;
  /// Has the password read again, for connections that are made from here on; null: there are none.
  std::function<void()> reconnect;
  /// How the databases are, as StoreLook does it; null: there are none.
  std::function<StoreState()> look;
  std::unique_ptr<ClosedPlaces> late;  ///< Not begun; null: there are no places.
  std::vector<std::string> notes;      ///< What a person should know who starts it, in sentences.
};

struct TriedStore {
  std::shared_ptr<PostgresControl> control;  ///< Null: there is none, or nothing is in it yet.
  std::vector<std::string> notes;            ///< As those of OpenedStore.
};

/// Opens what [data] 'store' says, making it where there is nothing yet. A place that does not answer is no
/// error, and neither is it where none does: see OpenedStore::late. Errors: kFailedPrecondition,
/// kUnavailable, for people.
absl::StatusOr<OpenedStore> OpenConfiguredStore(const ServerConfig& config);

/// What can be known without a database: that nobody else may read its passwords. Errors: those of
/// ReadKeyFile().
absl::Status CheckStoreFiles(const ServerConfig& config);
/// Connects to each database, and looks whether it can be what it is to be. Makes nothing. Errors: as
/// OpenConfiguredStore(), the first that is found; a place that does not answer is among the notes.
absl::StatusOr<TriedStore> TryStore(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_OPEN_STORE_H_
