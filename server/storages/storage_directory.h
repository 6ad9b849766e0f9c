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

/// A data source: a tenant, as its storage calls it.
struct DataSource {
  std::string id, name;
  std::string mapper;  ///< Empty: its rows come by cycles.
  Door door = Door::kRecords;
  std::string tenant;  ///< Its context id.
  bool is_default = false;
  friend bool operator==(const DataSource&, const DataSource&) = default;
};

/// A group of data sources; its root tenant, which has its id, is the one that is called "default".
struct StorageInfo {
  std::string id;  ///< As it was spelled when it was made.
  std::string name;
};

inline constexpr std::size_t kDataSourcesMax = 100;
inline constexpr std::size_t kMappersMax = 100;

/// What is said of a storage, a tenant that is not there, and, in the same words, of one that the asker may
/// not see.
absl::Status NoStorage(const std::string& id);
absl::Status NoTenant(const std::string& context_id);
absl::Status NoSource(const std::string& storage, const std::string& source);
/// What has no documents: it is gone, or a tenant whose mirror is not there yet.
bool IsNowhere(const absl::Status& status);

/// Which storages there are, and their data sources. What a storage is stands in its root tenant alone, so
/// that a backup of it has it; what was read of that is kept for as long as its documents are the same.
///
/// Errors: those of Tenants and RecordsCalls; kNotFound: there is no such storage, or data source. Ids are
/// compared without ASCII case. Threads: any.
class StorageDirectory {
 public:
  /// They outlive this.
  explicit StorageDirectory(Tenants& tenants) : tenants_(tenants) {}

  absl::StatusOr<StorageInfo> Find(const std::string& id);
  /// In the order of their folded ids, those behind `after` that `shows` is true of. Opens no mirror,
  /// unless nothing is known of it.
  struct Page {
    std::vector<StorageInfo> storages;
    std::size_t total = 0;  ///< Of all that `shows` is true of.
    bool is_last = true;
  };
  absl::StatusOr<Page> List(const std::string& after, std::size_t limit,
                            const std::function<bool(const std::string& id)>& shows);
  /// As List(), without the total, for who may not open every tenant: the mirrors of `looks_max` tenants at
  /// most are opened.
  struct Stretch {
    std::vector<StorageInfo> storages;
    std::string next;  ///< What the next stretch is behind; empty: there is none.
  };
  absl::StatusOr<Stretch> Walk(const std::string& after, std::size_t limit, std::size_t looks_max,
                               const std::function<bool(const std::string& id)>& shows);
  /// By id, the default one first.
  absl::StatusOr<std::vector<DataSource>> ListSources(const std::string& storage);
  /// By id or name; empty: the default one.
  absl::StatusOr<DataSource> FindSource(const std::string& storage, const std::string& id_or_name);
  absl::StatusOr<std::shared_ptr<Tenant>> TenantOf(const DataSource& source);

 protected:
  /// What is known of a tenant as a storage, while its documents have this version.
  struct Known {
    std::uint64_t version = 0;
    bool may_be_storage = false;  ///< By its id.
    std::string member;           ///< The storage that it is a data source of; empty: of none.
    std::string name;
    std::vector<DataSource> sources;  ///< Empty: they were not read yet.
  };

  absl::StatusOr<std::shared_ptr<Tenant>> Root(const std::string& storage);
  absl::StatusOr<Known> Look(Tenant& tenant);
  absl::StatusOr<std::vector<DataSource>> SourcesOf(Tenant& root);
  /// Whether `storage` is there, and has this tenant among its data sources.
  absl::StatusOr<bool> HasMember(const std::string& storage, const std::string& context_id);
  /// Of one that is gone for good.
  void Forget(const std::string& id);

  Tenants& tenants_;

 private:
  static Known KnownBy(const std::string& context_id, const ListedDocuments& documents);
  /// Absent: it is not known as it is now.
  std::optional<Known> FindKnown(const Tenant& tenant);
  void Keep(const Tenant& tenant, const Known& known);
  std::optional<Known> KnownOf(const Tenants::Seen& seen);
  absl::StatusOr<bool> IsStorage(const std::string& context_id, const Known& known);
  absl::StatusOr<std::vector<DataSource>> ReadSources(Tenant& root);
  absl::StatusOr<DataSource> DefaultOf(Tenant& root);
  /// Those whose ids `shows` is true of, by folded id, and what else has such an id.
  std::map<std::string, Tenants::Seen> Shown(const std::function<bool(const std::string& id)>& shows);

  Mutex mutex_;
  std::map<std::string, Known> known_
      MIRROR_GUARDED_BY(mutex_);  ///< By folded id; not where others write, too.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGE_DIRECTORY_H_
