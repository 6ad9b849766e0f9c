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

// The one place that knows which kinds of stores exist.

namespace mirror {

/// Everything that lasts: the mirrors, and what the server keeps about all of them.
struct OpenedStore {
  std::unique_ptr<FolderLock> folder;  ///< Null: `home` holds it.
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<AuditLog> audit_log;
  std::unique_ptr<LookLog> look_log;
  std::unique_ptr<HookCursor> hook_cursor;
  std::unique_ptr<StoreHome> home;
  std::unique_ptr<StartMark> start;          ///< Null: no commit waits for the next one to be on disk.
  std::shared_ptr<PostgresControl> control;  ///< Null: no other server has these mirrors.
  HubFiles hub_files;
  /// Reads the password again, for connections made from then on; null: there are none.
  std::function<void()> reconnect;
  /// Returns the state of the databases, as StoreLook does; null: there are none.
  std::function<StoreState()> look;
  std::unique_ptr<ClosedPlaces> late;  ///< Not begun; null: there are no places.
  std::vector<std::string> notes;      ///< Sentences for the person who starts the server.
};

struct TriedStore {
  std::shared_ptr<PostgresControl> control;  ///< Null: there is none, or nothing is in it yet.
  std::vector<std::string> notes;            ///< As OpenedStore::notes.
};

/// Opens the store that [data] 'store' names, and creates it where nothing exists yet. A place
/// that does not answer is no error, even if no place answers: see OpenedStore::late. Errors:
/// kFailedPrecondition, kUnavailable, for people.
absl::StatusOr<OpenedStore> OpenConfiguredStore(const ServerConfig& config);

/// Checks what needs no database: that no other user may read the file of
/// passwords. Errors: those of ReadKeyFile().
absl::Status CheckStoreFiles(const ServerConfig& config);
/// Connects to each database, and checks that it can serve its purpose. Creates nothing. Errors: the first
/// that is found, as OpenConfiguredStore(); a place that does not answer is among the notes.
absl::StatusOr<TriedStore> TryStore(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_OPEN_STORE_H_
