#ifndef MIRROR_SERVER_STORAGES_STORAGES_H_
#define MIRROR_SERVER_STORAGES_STORAGES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/plan/plan.h"
#include "server/records/record_mapper.h"
#include "server/storages/storage_directory.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// Creates, changes and deletes storages and their data sources, on top of the tenants.
///
/// Errors: those of Tenants and RecordsCalls; kNotFound: no such storage, data source,
/// mapper or tenant; kAlreadyExists: an id or a name is taken; kFailedPrecondition:
/// why it is not possible now, for people. Ids are compared without ASCII case.
/// Threads: any.
class Storages : public StorageDirectory {
 public:
  /// Both arguments must outlive this object. `events` gets an event for each creation and deletion.
  Storages(Tenants& tenants, Events& events) : StorageDirectory(tenants), events_(events) {}

  /// Creates the root tenant of a storage. Empty `id`: an id is made from the name.
  absl::StatusOr<StorageInfo> Create(const std::string& name, const std::string& id, std::int64_t now_ms);
  /// Deletes a storage with all its data sources of records. Returns how many rows there were.
  /// Errors: kFailedPrecondition: the storage contains a source of cycles.
  absl::StatusOr<std::uint64_t> Delete(const std::string& id, std::int64_t now_ms);

  /// `door` kRecords: creates the tenant. Or it takes back an unlisted tenant of
  /// the storage, as after a restore, or when an operator deleted the root alone;
  /// `rows_there` is its number of rows. kCycles: `source.tenant` must exist.
  absl::StatusOr<DataSource> AddSource(const std::string& storage, const DataSource& source,
                                       std::int64_t now_ms, std::uint64_t* rows_there = nullptr);
  /// Sets another name or mapper; empty: unchanged.
  absl::StatusOr<DataSource> ChangeSource(const std::string& storage, const std::string& id,
                                          const std::string& name, const std::string& mapper,
                                          std::int64_t now_ms);
  /// Returns how many rows there were. A source of cycles is only detached:
  /// 0. Errors: kFailedPrecondition: it is the default data source.
  absl::StatusOr<std::uint64_t> DeleteSource(const std::string& storage, const std::string& id,
                                             std::int64_t now_ms);

  absl::StatusOr<std::vector<RecordMapper>> ListMappers(const std::string& storage);
  absl::StatusOr<RecordMapper> FindMapper(const std::string& storage, const std::string& id);
  /// `is_new`: no mapper has this id yet; else one has it, and no data source uses it.
  absl::Status PutMapper(const std::string& storage, const RecordMapper& mapper, bool is_new,
                         std::int64_t now_ms);
  absl::Status DeleteMapper(const std::string& storage, const std::string& id, std::int64_t now_ms);

 private:
  /// Returns the data source with its tenant, and its mapper. Absent mapper: it has none.
  absl::StatusOr<DataSource> Completed(const DataSource& source, const std::string& root_id,
                                       std::optional<RecordMapper>* mapper);
  /// Returns how many rows exist under the name of a data source that is to be created. Absent:
  /// nothing exists any more. A tenant without rows and with another mapper than `made_by` is deleted.
  absl::StatusOr<std::optional<std::uint64_t>> TakeBack(const DataSource& source, const RecordMapper& made_by,
                                                        const std::string& root_id);
  absl::StatusOr<std::uint64_t> DeleteSourceOf(const std::string& storage, const std::string& id,
                                               std::int64_t now_ms) MIRROR_REQUIRES(changes_);
  absl::Status MakeTenant(const std::string& context_id, const RecordMapper& mapper,
                          std::vector<Document> documents, std::int64_t now_ms);
  /// Returns whether a root tenant that cannot be read was a storage by its last known summary.
  /// Delete() then continues without a list of data sources.
  bool WasStorage(const std::string& id);
  /// Deletes data sources that a kill left half created in the storage, as long as it has this `epoch`.
  absl::Status DeleteUnlisted(const std::string& root, std::int64_t epoch);
  /// `what` for the event: "storage 'Acme'"; empty: no event. `epoch`: see StoreHome::BeginDeletion().
  absl::StatusOr<std::uint64_t> DeleteTenant(const std::string& context_id, const std::string& what,
                                             std::int64_t epoch = 0);
  absl::Status Attach(const std::string& storage, Tenant& tenant, std::int64_t now_ms);
  /// Detaches the tenant, unless another storage has it by now.
  absl::Status Detach(const DataSource& source, const std::string& root_id, std::int64_t now_ms);
  /// Makes the tenant of a data source of records that is to be listed. Returns its epoch, or 0.
  absl::StatusOr<std::int64_t> MakeListable(const DataSource& source, const RecordMapper& mapper,
                                            const std::string& root_id, std::int64_t now_ms);
  /// Removes a data source that is not listed. `epoch`: that of its tenant, from MakeListable().
  void Undo(const DataSource& source, std::int64_t epoch, const std::string& root_id, std::int64_t now_ms);
  /// Gives the tenant of a data source this mapper. Returns its former mapper.
  absl::StatusOr<RecordMapper> GiveMapper(const DataSource& source, const RecordMapper& mapper,
                                          std::int64_t now_ms);
  /// Restores the former mapper, unless another one than `mapper` was set in between.
  void GiveBack(const DataSource& source, const RecordMapper& mapper, const RecordMapper& former,
                std::int64_t now_ms);

  Events& events_;
  /// Serializes creating, changing and deleting of storages and data sources.
  Mutex changes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGES_H_
