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
#include "server/storages/storage_directory.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// Storages and their data sources over the tenants: made, changed, deleted.
///
/// Errors: those of Tenants and RecordsCalls; kNotFound: there is no such storage, data source, mapper or
/// tenant; kAlreadyExists: an id or a name is taken; kFailedPrecondition: why it cannot be done now, for
/// people. Names of ids are compared without ASCII case.
/// Threads: any.
class Storages : public StorageDirectory {
 public:
  /// They outlive this. `events` hears of what is made and deleted.
  Storages(Tenants& tenants, Events& events) : StorageDirectory(tenants), events_(events) {}

  /// Makes its root tenant. `id`: empty: one is made from the name.
  absl::StatusOr<StorageInfo> Create(const std::string& name, const std::string& id, std::int64_t now_ms);
  /// With all its data sources of records. Gives how many rows there were. Errors: kFailedPrecondition: a
  /// source of cycles is in it.
  absl::StatusOr<std::uint64_t> Delete(const std::string& id, std::int64_t now_ms);

  /// `door` kRecords: makes its tenant, or takes back one of the storage's that is in no list, as behind a
  /// restore, or where an operator deleted the root alone; `rows_there`: of that one. kCycles:
  /// `source.tenant` is one that is there.
  absl::StatusOr<DataSource> AddSource(const std::string& storage, const DataSource& source,
                                       std::int64_t now_ms, std::uint64_t* rows_there = nullptr);
  /// Another name or mapper; empty: it stays.
  absl::StatusOr<DataSource> ChangeSource(const std::string& storage, const std::string& id,
                                          const std::string& name, const std::string& mapper,
                                          std::int64_t now_ms);
  /// Gives how many rows there were; of a source of cycles 0: it is only left. Errors: kFailedPrecondition:
  /// the default one.
  absl::StatusOr<std::uint64_t> DeleteSource(const std::string& storage, const std::string& id,
                                             std::int64_t now_ms);

  absl::StatusOr<std::vector<RecordMapper>> ListMappers(const std::string& storage);
  absl::StatusOr<RecordMapper> FindMapper(const std::string& storage, const std::string& id);
  /// `is_new`: there is none of this id yet; else there is one, which nobody uses.
  absl::Status PutMapper(const std::string& storage, const RecordMapper& mapper, bool is_new,
                         std::int64_t now_ms);
  absl::Status DeleteMapper(const std::string& storage, const std::string& id, std::int64_t now_ms);

 private:
  /// With all that is said of it: its tenant, and its mapper. Absent mapper: it has none.
  absl::StatusOr<DataSource> Completed(const DataSource& source, const std::string& root_id,
                                       std::optional<RecordMapper>* mapper);
  /// How many rows stand under the name of a data source that is to be made. Absent: nothing is there, by
  /// now: what has no row, and another mapper than `made_by`, goes.
  absl::StatusOr<std::optional<std::uint64_t>> TakeBack(const DataSource& source, const RecordMapper& made_by,
                                                        const std::string& root_id);
  absl::StatusOr<std::uint64_t> DeleteSourceOf(const std::string& storage, const std::string& id,
                                               std::int64_t now_ms) MIRROR_REQUIRES(changes_);
  absl::Status MakeTenant(const std::string& context_id, const RecordMapper& mapper,
                          std::vector<Document> documents, std::int64_t now_ms);
  /// `what` for people: "storage 'Acme'". Empty: nobody knows of it.
  /// Of one that is lost: as what it is known.
  bool WasStorage(const std::string& id);
  /// What a kill left of data sources that were being made in the storage, as long as that is of `epoch`.
  absl::Status DeleteUnlisted(const std::string& root, std::int64_t epoch);
  /// `epoch`: see StoreHome::BeginDeletion().
  absl::StatusOr<std::uint64_t> DeleteTenant(const std::string& context_id, const std::string& what,
                                             std::int64_t epoch = 0);
  absl::Status Attach(const std::string& storage, Tenant& tenant, std::int64_t now_ms);
  /// Unless another storage has it by now.
  absl::Status Detach(const DataSource& source, const std::string& root_id, std::int64_t now_ms);
  /// The tenant of a data source of records that is to be listed. Gives its epoch, or 0.
  absl::StatusOr<std::int64_t> MakeListable(const DataSource& source, const RecordMapper& mapper,
                                            const std::string& root_id, std::int64_t now_ms);
  /// What was made of a data source that nobody lists. `epoch`: of its tenant, by MakeListable().
  void Undo(const DataSource& source, std::int64_t epoch, const std::string& root_id, std::int64_t now_ms);
  /// To the tenant of a data source. Gives the mapper that it had.
  absl::StatusOr<RecordMapper> GiveMapper(const DataSource& source, const RecordMapper& mapper,
                                          std::int64_t now_ms);
  /// The mapper that it had, as long as nobody gave it another one than `mapper` meanwhile.
  void GiveBack(const DataSource& source, const RecordMapper& mapper, const RecordMapper& former,
                std::int64_t now_ms);

  Events& events_;
  /// Makes, changes and deletes storages and data sources one after the other.
  Mutex changes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGES_H_
