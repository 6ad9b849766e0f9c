#ifndef MIRROR_SERVER_TENANT_RECORDS_CALLS_H_
#define MIRROR_SERVER_TENANT_RECORDS_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/plan/column_rules.h"
#include "server/records/record_mapper.h"
#include "server/records/record_merge.h"
#include "server/records/record_request.h"
#include "server/store/mirror_contents.h"
#include "server/store/snapshot.h"
#include "server/tenant/mirror/commit_queue.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/records_form.h"

namespace mirror {

/// What the door for records does with one tenant: its rows, where they come through that door, and the
/// documents that it keeps, whichever door they come through.
/// Errors: as Mirror; kNotFound when there is no such mirror any more. Threads: any.
class RecordsCalls {
 public:
  explicit RecordsCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Small requests that come while another is committed are committed together; each has its own outcome.
  /// What it says is on disk. RecordOutcome::status: kFailedPrecondition: the rows come by cycles, or the
  /// source is paused; kOutOfRange: a row of an all-or-nothing request, another body under a key, or more
  /// than kStoredBytesMax of stored rows.
  RecordOutcome ApplyRecords(const RecordRequest& request, std::int64_t now_ms);
  /// What a request got before, see FindRememberedIn().
  absl::StatusOr<std::optional<RecordOutcome>> FindRemembered(const RememberedRequest& remember,
                                                              std::int64_t now_ms);
  /// Whether rows can be written now. Errors: kFailedPrecondition as above.
  absl::Status TakesRecords();
  /// All rows go. Gives how many there were. Errors: kFailedPrecondition as above.
  absl::StatusOr<std::uint64_t> ClearRecords(std::int64_t now_ms);
  /// Another mapper, while there are no rows. `check` reads under the store's writer lock; after an error of
  /// it nothing is done. Errors: that; kFailedPrecondition, too: there are rows.
  using RecordsCheck = std::function<absl::Status(StoreRecords& records)>;
  absl::Status SetMapper(const RecordMapper& mapper, std::int64_t now_ms, const RecordsCheck& check = {});
  absl::StatusOr<RecordMapper> ReadMapper();
  /// Takes a row that was read, null: there is none; false ends the reading.
  using TakePartner = std::function<bool(const std::string& external_id, const PartnerRow* row)>;
  /// Those of these external ids, in their order; each as it is when its turn has come. A few are in memory
  /// at a time. Errors: kFailedPrecondition: the rows come by cycles.
  absl::Status ReadPartners(const std::vector<std::string>& external_ids, const TakePartner& take);
  /// How many of these external ids, each there once, are there. Errors as above.
  absl::StatusOr<std::uint64_t> CountPartners(const std::vector<std::string>& external_ids);
  /// Those behind `after`, by the bytes of their ids, of one moment. Gives how many rows there were in all.
  /// Errors as above.
  absl::StatusOr<std::uint64_t> ReadPartnersBehind(const std::string& after, const TakePartner& take);
  /// Since when what was deleted may still stand in files, unix milliseconds; absent: it does not.
  /// EraseDeleted() rewrites them, where that is so, until it does not. Errors: kUnavailable: not now; also
  /// where they are rewritten, and a hub may still hold it: it still counts as standing in files then.
  absl::StatusOr<std::optional<std::int64_t>> NeedsErasure();
  absl::Status EraseDeleted(std::int64_t now_ms);

  /// What is committed now, for reading.
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenRecords();
  absl::StatusOr<TenantRecord> ReadTenantRow();

  absl::StatusOr<ListedDocuments> ReadListedDocuments();
  /// The same, and keeps it for the lists of all servers.
  absl::StatusOr<ListedDocuments> KeepListedDocuments(std::int64_t now_ms);
  absl::StatusOr<std::optional<Document>> FindDocument(const std::string& kind, const std::string& id);
  absl::StatusOr<std::vector<Document>> ListDocuments(const std::string& kind, const std::string& from,
                                                      std::size_t count_max);
  /// Reads under the store's writer lock and gives what is to be written.
  using DocumentPlanner = std::function<absl::StatusOr<std::vector<DocumentChange>>(StoreRecords& records)>;
  absl::Status ChangeDocuments(const DocumentPlanner& planner, std::int64_t now_ms);
  /// See SeenSummary. Of answers and jobs it says nothing.
  std::uint64_t documents_version() const { return mirror_.seen().documents_version(); }

 private:
  struct Waiting {
    const RecordRequest& request;
    const std::int64_t now_ms;
    RecordOutcome outcome = {};
    std::uint64_t bytes() const { return request.bytes; }
  };

  absl::StatusOr<ListedDocuments> KeepListed() MIRROR_REQUIRES(mirror_.mutex());
  void CommitGroup(const std::vector<Waiting*>& group) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status TryGroup(const std::vector<Waiting*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// Rewrites the mirror's files, unless nothing was deleted since that was done. Gives the token under which
  /// it said so: a deletion that comes meanwhile takes it away.
  absl::StatusOr<std::string> ScrubDeleted(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// `is_all`: no hub holds it, either.
  absl::Status EndErasing(const std::string& erasing, bool is_all, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  /// How often something was erased that a hub may know; absent: nothing is to leave the files.
  absl::StatusOr<std::optional<std::int64_t>> FindErased(std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Adds what keeps within their bounds what it writes.
  void Bound(Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  void NoteWritten(const Plan& plan, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status OpenRecordsMirror(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Absent: there is no table.
  absl::StatusOr<std::optional<TableSchema>> ReadAgreedPartners() MIRROR_REQUIRES(mirror_.mutex());
  /// Asked under the store's writer lock, of a source of records that takes what comes.
  using TablePlanner = std::function<absl::StatusOr<std::optional<Plan>>(
      Store& store, const TenantRecord& tenant, const TableRecord& record)>;
  absl::Status ChangeTable(const TablePlanner& planner, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  CommitQueue<Waiting> queue_;
  /// As the last group found it.
  std::shared_ptr<const RecordsForm> form_ MIRROR_GUARDED_BY(mirror_.mutex());
  std::uint64_t commits_with_answers_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;
};

/// A new mirror of records, without rows, whose position has a lineage of its own. Errors: those of
/// PartnerTableOf().
absl::StatusOr<MirrorContents> NewRecordsMirror(const std::string& context_id, const RecordMapper& mapper,
                                                const ColumnRules& rules, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_CALLS_H_
