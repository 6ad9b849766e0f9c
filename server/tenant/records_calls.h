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

/// Calls of the HTTP door for records on one tenant. They concern the tenant's rows, if these come through
/// that door, and its documents, through whichever door its rows come. Errors: as Mirror; kNotFound: the
/// mirror does not exist any more. Threads: any.
class RecordsCalls {
 public:
  explicit RecordsCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Applies a request. Small requests that arrive during a commit are committed together. Each has its own
  /// outcome, and what an outcome reports is on disk. RecordOutcome::status: kFailedPrecondition: the rows
  /// come from cycles, or the tenant is paused; kOutOfRange: a row of an all-or-nothing request failed,
  /// another body was sent under the same key, or the request touches more than kStoredBytesMax of stored
  /// rows.
  RecordOutcome ApplyRecords(const RecordRequest& request, std::int64_t now_ms);
  /// Returns the earlier answer to a request that is repeated, see FindRememberedIn().
  absl::StatusOr<std::optional<RecordOutcome>> FindRemembered(const RememberedRequest& remember,
                                                              std::int64_t now_ms);
  /// Checks whether rows can be written now. Errors: kFailedPrecondition as above.
  absl::Status TakesRecords();
  /// Deletes all rows and returns their number. Errors: kFailedPrecondition as above.
  absl::StatusOr<std::uint64_t> ClearRecords(std::int64_t now_ms);
  /// Sets another mapper while the table has no rows. `check` reads under the store's writer lock. If it
  /// returns an error, nothing is done. Errors: those of `check`; kFailedPrecondition also: there are rows.
  using RecordsCheck = std::function<absl::Status(StoreRecords& records)>;
  absl::Status SetMapper(const RecordMapper& mapper, std::int64_t now_ms, const RecordsCheck& check = {});
  absl::StatusOr<RecordMapper> ReadMapper();
  /// Takes a row; null: it does not exist. Returns false to end the reading.
  using TakePartner = std::function<bool(const std::string& external_id, const PartnerRow* row)>;
  /// Reads the rows with these external ids, in their order. Each row has its state at the time when it is
  /// read. At most a few rows are in memory at a time. Errors: kFailedPrecondition: the rows come from
  /// cycles.
  absl::Status ReadPartners(const std::vector<std::string>& external_ids, const TakePartner& take);
  /// Counts how many of these external ids exist. No id may be listed twice. Errors as above.
  absl::StatusOr<std::uint64_t> CountPartners(const std::vector<std::string>& external_ids);
  /// Reads the rows whose ids come after `after`, in the order of the ids' bytes, in one snapshot. Returns
  /// the total number of rows. Errors as above.
  absl::StatusOr<std::uint64_t> ReadPartnersBehind(const std::string& after, const TakePartner& take);
  /// NeedsErasure() returns the time since when deleted data may still be in files, unix milliseconds.
  /// Absent: there is no such data. EraseDeleted() rewrites the files. Errors: kUnavailable: that is not
  /// possible now. Also if the files were rewritten but a hub may still hold the data, which then still
  /// counts as being in files.
  absl::StatusOr<std::optional<std::int64_t>> NeedsErasure();
  absl::Status EraseDeleted(std::int64_t now_ms);

  /// Opens the committed state for reading.
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenRecords();
  absl::StatusOr<TenantRecord> ReadTenantRow();

  absl::StatusOr<ListedDocuments> ReadListedDocuments();
  /// Does the same, and also stores the result for the lists of all servers.
  absl::StatusOr<ListedDocuments> KeepListedDocuments(std::int64_t now_ms);
  absl::StatusOr<std::optional<Document>> FindDocument(const std::string& kind, const std::string& id);
  absl::StatusOr<std::vector<Document>> ListDocuments(const std::string& kind, const std::string& from,
                                                      std::size_t count_max);
  /// Reads under the store's writer lock and returns the documents to write.
  using DocumentPlanner = std::function<absl::StatusOr<std::vector<DocumentChange>>(StoreRecords& records)>;
  absl::Status ChangeDocuments(const DocumentPlanner& planner, std::int64_t now_ms);
  /// See SeenSummary. Answers and jobs do not change it.
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
  /// Rewrites the mirror's files, unless nothing was deleted since the last rewrite.
  /// Returns the token that marks this rewrite: a deletion in between removes the token.
  absl::StatusOr<std::string> ScrubDeleted(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Ends an erasure. `erasing`: its token. `is_all`: no hub holds the data any more.
  absl::Status EndErasing(const std::string& erasing, bool is_all, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns how often data that a hub may know was erased. Absent: no data has to be removed from the files.
  absl::StatusOr<std::optional<std::int64_t>> FindErased(std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Adds to the plan what limits the number of the documents that the plan writes.
  void Bound(Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  void NoteWritten(const Plan& plan, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status OpenRecordsMirror(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the agreed table of records. Absent: there is no table.
  absl::StatusOr<std::optional<TableSchema>> ReadAgreedPartners() MIRROR_REQUIRES(mirror_.mutex());
  /// Called under the store's writer lock, for a source of records that accepts writes.
  using TablePlanner = std::function<absl::StatusOr<std::optional<Plan>>(
      Store& store, const TenantRecord& tenant, const TableRecord& record)>;
  absl::Status ChangeTable(const TablePlanner& planner, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  CommitQueue<Waiting> queue_;
  /// The form that the last group read.
  std::shared_ptr<const RecordsForm> form_ MIRROR_GUARDED_BY(mirror_.mutex());
  std::uint64_t commits_with_answers_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;
};

/// Returns the contents of a new mirror of records: without rows, and with a lineage of its own. Errors:
/// those of PartnerTableOf().
absl::StatusOr<MirrorContents> NewRecordsMirror(const std::string& context_id, const RecordMapper& mapper,
                                                const ColumnRules& rules, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_CALLS_H_
