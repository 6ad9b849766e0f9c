#ifndef MIRROR_SERVER_TENANT_READINGS_H_
#define MIRROR_SERVER_TENANT_READINGS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/source_objects.h"
#include "server/plan/caller.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/plan/row_request.h"
#include "server/store/snapshot.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// Limits the number of open readings of one kind. Threads: any; taken places may outlive this object.
class ReadingPlaces {
 public:
  explicit ReadingPlaces(int places) : state_(std::make_shared<State>(places)) {}

  /// Returns a place. It is free again when the pointer is released. Null: no place became free within
  /// `wait`.
  std::shared_ptr<void> Take(std::chrono::milliseconds wait);

 private:
  struct State {
    explicit State(int places) : free(places) {}
    Mutex mutex;
    CondVar changed;
    int free MIRROR_GUARDED_BY(mutex);
  };
  const std::shared_ptr<State> state_;
};

struct TenantInfo {
  TenantRecord record;
  std::uint32_t tables = 0;
  std::uint32_t tables_unpopulated = 0;
  std::uint64_t bytes = 0;
  std::string quarantine;
  std::uint32_t holds = 0;          ///< Number of holds without a decision.
  std::string waiting_source = {};  ///< See HoldKind::kSource.
};

struct TableInfo {
  TableRecord record;
  std::uint32_t columns = 0;
  TableCheck check;
  bool held = false;           ///< A hold of the table waits for an operator.
  std::int64_t source_ms = 0;  ///< Source time of the table, unix milliseconds; 0: not known.
  std::int64_t target_ms = 0;  ///< Maximum age by the configuration, milliseconds; 0: no maximum.
  /// Present if the source could not send the table in the last completed cycle.
  std::optional<UnsentTable> unsent = {};
  /// False: the source could not even announce the table. Then only the name and `unsent` are valid.
  bool is_agreed = true;
};

struct IndexesOfTable {
  std::string table;
  std::optional<SourceObjects> objects;  ///< Absent: the source reported none.
  std::vector<std::string> lines;        ///< See IndexLines().
  std::vector<std::string> followed;     ///< The indexes that the mirror itself made on the table.
};

/// A table at one position, which can be read while others write. Holds one of the tenant's places for
/// readings.
struct TableReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  AgreedTable table;
};

/// The last committed state of a table, which can be read while others write. Holds a place, too.
struct CommittedReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  TableRecord record;
  TableSchema kept;  ///< The definition by which the rows are read.
};

/// Maximum number of open readings of a tenant, for each kind: for the source, pages, whole tables, exports.
/// Each kind has its own places, so that no kind blocks another one.
inline constexpr int kReadingsMax = 4;
/// How long the reading of a page waits for a place.
inline constexpr std::chrono::seconds kPageWait{5};

enum class ReadingKind { kPage, kStream, kExport };

/// Read-only calls on a tenant: for its source, for an operator, for the delivery to hooks. Errors: as
/// Mirror; an operator's calls also: kNotFound: the file does not exist any more. Threads: any.
class Readings {
 public:
  explicit Readings(Mirror& mirror) : mirror_(mirror) {}

  // --- For the source ---

  /// Returns the agreed definition, for decoding batches. See ReadAgreed().
  absl::StatusOr<AgreedTable> Agreed(const Caller& caller, const std::string& table,
                                     std::string_view schema_hash) {
    return ReadAgreed(mirror_, caller, table, schema_hash);
  }
  /// Opens the committed state of `table`, which must be at `position`. Errors: kFailedPrecondition: it is at
  /// another position; kResourceExhausted: kReadingsMax readings are open.
  absl::StatusOr<TableReading> Read(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& position, std::int64_t now_ms);
  /// Notes that a reading of `cycle` made progress or ended, so that its time does not count as idle.
  /// `began`: the start of the call.
  void ReadOn(std::int64_t cycle, std::int64_t came_ms, std::chrono::steady_clock::time_point began);
  /// Notes the answer to DigestRanges. Only after it a source may report that nothing differs.
  void NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                   const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer);

  /// The end of the chain, and the texts of the receipts after `known`, at most kReceiptsPerAnswerMax. If
  /// `known` is not in this chain: the last receipts. The hash of `known` may be empty; then only its number
  /// is compared.
  struct Receipts {
    ReceiptHead head;
    std::vector<std::string> texts;
  };
  absl::StatusOr<Receipts> ReadReceipts(const ReceiptHead& known, std::int64_t now_ms);
  /// Returns the end of the chain to be signed. Absent: SignedReceipts() was called for it since the start of
  /// the server, so there is nothing to sign.
  absl::StatusOr<std::optional<ReceiptHead>> UnsignedReceipts();
  void SignedReceipts(const ReceiptHead& head);
  /// Returns whether each commit gets a receipt.
  bool keeps_receipts() const { return KeepsReceipts(mirror_.options().receipts, mirror_.context_id()); }

  // --- For the HTTP door, and for exports ---

  /// Opens the committed state of `table`, for rows of either door. Errors: kNotFound: no such table;
  /// kFailedPrecondition: the table was never populated, or its rows have an older definition until the next
  /// population; kResourceExhausted: kReadingsMax readings of this kind are open (for a page: still after
  /// kPageWait).
  absl::StatusOr<CommittedReading> ReadCommitted(const std::string& table, ReadingKind kind);
  /// Takes a table, with the definition by which it is read. Returns false to stop.
  using TakeTable = std::function<bool(const TableRecord& record, const TableSchema& kept)>;
  /// Lists, by name, the tables after `after` that ReadCommitted() can read. Returns their total number.
  /// Takes the place of a page.
  absl::StatusOr<std::uint64_t> ListCommitted(const std::string& after, const TakeTable& take);

  /// Opens the committed state for no particular table: only place and snapshot. Errors: kNotFound: the
  /// mirror does not exist any more; kResourceExhausted as above.
  absl::StatusOr<CommittedReading> OpenCommitted(ReadingKind kind);

  // --- For an operator ---

  absl::StatusOr<TenantInfo> Info();
  absl::StatusOr<std::vector<TableInfo>> Tables();
  absl::StatusOr<std::vector<Hold>> Holds();
  /// Returns what the source reported about indexes and foreign keys. An empty list means all tables. Errors:
  /// kNotFound, with the table's name; kFailedPrecondition: the source reported nothing for any table, and
  /// nothing is configured.
  absl::StatusOr<std::vector<IndexesOfTable>> Indexes(const std::vector<std::string>& tables);
  bool follows_indexes() const {
    return FollowsIndexes(*mirror_.options().indexes->Get(), mirror_.context_id());
  }

  // --- For the delivery to hooks ---

  /// Returns the oldest waiting note for this hook, when it is durable. Absent: none waits.
  absl::StatusOr<std::optional<HookNote>> FirstHook(const std::string& hook);
  /// Removes a note that was delivered or given up.
  absl::Status HookDone(std::int64_t id);

 private:
  absl::StatusOr<std::shared_ptr<void>> TakePlace(ReadingPlaces& places, std::chrono::milliseconds wait);

  Mirror& mirror_;
  std::int64_t written_ms_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;  ///< Last time of progress that ReadOn()
                                                                    ///< wrote.
  ReceiptHead signed_receipts_ MIRROR_GUARDED_BY(mirror_.mutex());
  ReadingPlaces sources_{kReadingsMax}, pages_{kReadingsMax}, streams_{kReadingsMax}, exports_{kReadingsMax};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_READINGS_H_
