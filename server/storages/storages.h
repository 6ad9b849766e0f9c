#ifndef MIRROR_SERVER_STORAGES_STORAGES_H_
#define MIRROR_SERVER_STORAGES_STORAGES_H_

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
#include "server/records/record_mapper.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

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

/// Storages and their data sources over the tenants. What a storage is stands in its root tenant alone, so
/// that a backup of it has it.
///
/// Errors: those of Tenants and RecordsCalls; kNotFound: there is no such storage, data source, mapper or
/// tenant; kAlreadyExists: an id or a name is taken; kFailedPrecondition: why it cannot be done now, for
/// people. Names of ids are compared without ASCII case.
/// Threads: any.
class Storages {
 public:
  /// They outlive this. `events` hears of what is made and deleted.
  Storages(Tenants& tenants, Events& events) : tenants_(tenants), events_(events) {}

  /// Makes its root tenant. `id`: empty: one is made from the name.
  absl::StatusOr<StorageInfo> Create(const std::string& name, const std::string& id, std::int64_t now_ms);
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
  /// With all its data sources of records. Gives how many rows there were. Errors: kFailedPrecondition: a
  /// source of cycles is in it.
  absl::StatusOr<std::uint64_t> Delete(const std::string& id, std::int64_t now_ms);

  /// By id, the default one first.
  absl::StatusOr<std::vector<DataSource>> ListSources(const std::string& storage);
  /// By id or name; empty: the default one.
  absl::StatusOr<DataSource> FindSource(const std::string& storage, const std::string& id_or_name);
  /// `door` kRecords: makes its tenant. kCycles: `source.tenant` is one that is there.
  absl::StatusOr<DataSource> AddSource(const std::string& storage, const DataSource& source,
                                       std::int64_t now_ms);
  /// Another name or mapper; empty: it stays.
  absl::StatusOr<DataSource> ChangeSource(const std::string& storage, const std::string& id,
                                          const std::string& name, const std::string& mapper,
                                          std::int64_t now_ms);
  /// Gives how many rows there were; of a source of cycles 0: it is only left. Errors: kFailedPrecondition:
  /// the default one.
  absl::StatusOr<std::uint64_t> DeleteSource(const std::string& storage, const std::string& id,
                                             std::int64_t now_ms);
  absl::StatusOr<std::shared_ptr<Tenant>> TenantOf(const DataSource& source);

  absl::StatusOr<std::vector<RecordMapper>> ListMappers(const std::string& storage);
  absl::StatusOr<RecordMapper> FindMapper(const std::string& storage, const std::string& id);
  /// `is_new`: there is none of this id yet; else there is one, which nobody uses.
  absl::Status PutMapper(const std::string& storage, const RecordMapper& mapper, bool is_new,
                         std::int64_t now_ms);
  absl::Status DeleteMapper(const std::string& storage, const std::string& id, std::int64_t now_ms);

 private:
  /// What is known of a tenant as a storage, while its documents have this version.
  struct Known {
    std::uint64_t version = 0;
    bool may_be_storage = false;  ///< By its id.
    std::string member;           ///< The storage that it is a data source of; empty: of none.
    std::string name;
    std::vector<DataSource> sources;  ///< Empty: they were not read yet.
  };

  absl::StatusOr<std::shared_ptr<Tenant>> Root(const std::string& storage);
  static Known KnownBy(const std::string& context_id, const ListedDocuments& documents);
  absl::StatusOr<Known> Look(Tenant& tenant);
  absl::StatusOr<std::vector<DataSource>> SourcesOf(Tenant& root);
  absl::StatusOr<std::vector<DataSource>> ReadSources(Tenant& root);
  /// Whether `storage` is there, and has this tenant among its data sources.
  absl::StatusOr<bool> HasMember(const std::string& storage, const std::string& context_id);
  absl::StatusOr<bool> IsStorage(const std::string& context_id, const Known& known);
  /// What stands under the name of a data source that is to be made. False: nothing, by now.
  absl::StatusOr<bool> TakeBack(const DataSource& source, const std::string& root_id);
  absl::StatusOr<std::uint64_t> DeleteSourceOf(const std::string& storage, const std::string& id,
                                               std::int64_t now_ms) MIRROR_REQUIRES(changes_);
  /// Absent: it is not known as it is now.
  std::optional<Known> FindKnown(const Tenant& tenant);
  void Keep(const Tenant& tenant, const Known& known);
  std::optional<Known> KnownOf(const Tenants::Seen& seen);
  void Forget(const std::string& id);
  absl::Status MakeTenant(const std::string& context_id, const RecordMapper& mapper,
                          std::vector<Document> documents, std::int64_t now_ms);
  /// `what` for people: "storage 'Acme'". Empty: nobody knows of it.
  absl::StatusOr<std::uint64_t> DeleteTenant(const std::string& context_id, const std::string& what);
  /// What a kill left of data sources of records that were being made.
  absl::Status RemoveUnlisted(const std::string& root_id) MIRROR_REQUIRES(changes_);
  /// Those whose ids `shows` is true of, by folded id, and what else has such an id.
  std::map<std::string, Tenants::Seen> Shown(const std::function<bool(const std::string& id)>& shows);
  absl::Status Attach(const std::string& storage, Tenant& tenant, std::int64_t now_ms);
  absl::Status Detach(const DataSource& source, std::int64_t now_ms);
  absl::StatusOr<DataSource> DefaultOf(Tenant& root);
  absl::Status CheckUnused(const std::string& storage, const std::string& mapper);

  Tenants& tenants_;
  Events& events_;
  /// Makes, changes and deletes storages and data sources one after the other.
  Mutex changes_ MIRROR_ACQUIRED_BEFORE(mutex_);
  Mutex mutex_;
  std::map<std::string, Known> known_
      MIRROR_GUARDED_BY(mutex_);  ///< By folded id; not where others write, too.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGES_H_
