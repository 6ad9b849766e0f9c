#ifndef MIRROR_SERVER_STORAGES_STORAGE_DIRECTORY_H_
#define MIRROR_SERVER_STORAGES_STORAGE_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/plan/plan.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// A data source: a tenant under the name that its storage gives it.
struct DataSource {
  std::string id, name;
  std::string mapper;  ///< Empty: its rows come from cycles.
  Door door = Door::kRecords;
  std::string tenant;  ///< Its context id.
  bool is_default = false;
  friend bool operator==(const DataSource&, const DataSource&) = default;
};

/// A group of data sources. Its root tenant has the storage's id and is the data source "default".
struct StorageInfo {
  std::string id;  ///< In the spelling with which it was created.
  std::string name;
};

inline constexpr std::size_t kDataSourcesMax = 100;
inline constexpr std::size_t kMappersMax = 100;

/// Errors for a storage, tenant or data source that does not exist.
/// The same text is used for one that the caller must not see.
absl::Status NoStorage(const std::string& id);
absl::Status NoTenant(const std::string& context_id);
absl::Status NoSource(const std::string& storage, const std::string& source);
/// Whether the error says that the documents do not exist: deleted, or a tenant without a mirror so far.
bool IsNowhere(const absl::Status& status);

/// Lists the storages and their data sources. The definition of a storage is kept in its root tenant only,
/// so a backup of that tenant contains it. Definitions that were read are cached until the documents change.
///
/// Errors: those of Tenants and RecordsCalls; kNotFound: no such storage
/// or data source. Ids are compared without ASCII case. Threads: any.
class StorageDirectory {
 public:
  /// `tenants` must outlive this object.
  explicit StorageDirectory(Tenants& tenants) : tenants_(tenants) {}

  absl::StatusOr<StorageInfo> Find(const std::string& id);
  /// Returns the storages after `after` that `shows` accepts, in the order
  /// of their folded ids. Opens a mirror only if nothing is known of it.
  struct Page {
    std::vector<StorageInfo> storages;
    std::size_t total = 0;  ///< Number of all storages that `shows` accepts.
    bool is_last = true;
  };
  absl::StatusOr<Page> List(const std::string& after, std::size_t limit,
                            const std::function<bool(const std::string& id)>& shows);
  /// Like List(), but without the total, for callers that must not open
  /// every tenant: opens the mirrors of at most `looks_max` tenants.
  struct Stretch {
    std::vector<StorageInfo> storages;
    std::string next;  ///< The `after` of the next stretch; empty: this is the last.
  };
  absl::StatusOr<Stretch> Walk(const std::string& after, std::size_t limit, std::size_t looks_max,
                               const std::function<bool(const std::string& id)>& shows);
  /// Sorted by id, the default data source first.
  absl::StatusOr<std::vector<DataSource>> ListSources(const std::string& storage);
  /// Finds a data source by id or name; empty: the default one.
  absl::StatusOr<DataSource> FindSource(const std::string& storage, const std::string& id_or_name);
  absl::StatusOr<std::shared_ptr<Tenant>> TenantOf(const DataSource& source);

 protected:
  /// Cached facts about a tenant as a storage, valid while its documents have this version.
  struct Known {
    std::uint64_t version = 0;
    bool may_be_storage = false;  ///< Judged by its id.
    std::string member;           ///< The storage of which it is a data source; empty: none.
    std::string name;
    std::vector<DataSource> sources;  ///< Empty: not read yet.
  };

  absl::StatusOr<std::shared_ptr<Tenant>> Root(const std::string& storage);
  absl::StatusOr<Known> Look(Tenant& tenant);
  absl::StatusOr<std::vector<DataSource>> SourcesOf(Tenant& root);
  /// Whether `storage` exists and has this tenant as a data source.
  absl::StatusOr<bool> HasMember(const std::string& storage, const std::string& context_id);
  /// Drops the cache entry of a storage that was deleted for good.
  void Forget(const std::string& id);

  Tenants& tenants_;

 private:
  static Known KnownBy(const std::string& context_id, const ListedDocuments& documents);
  /// Absent: there is no entry for the current version.
  std::optional<Known> FindKnown(const Tenant& tenant);
  void Keep(const Tenant& tenant, const Known& known);
  std::optional<Known> KnownOf(const Tenants::Seen& seen);
  absl::StatusOr<bool> IsStorage(const std::string& context_id, const Known& known);
  absl::StatusOr<std::vector<DataSource>> ReadSources(Tenant& root);
  absl::StatusOr<DataSource> DefaultOf(Tenant& root);
  /// Returns the tenants whose ids `shows` accepts, by folded id. Some of them may not be storages.
  std::map<std::string, Tenants::Seen> Shown(const std::function<bool(const std::string& id)>& shows);

  Mutex mutex_;
  std::map<std::string, Known> known_
      MIRROR_GUARDED_BY(mutex_);  ///< By folded id; unused where other servers write, too.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGE_DIRECTORY_H_
