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

/// Bounds the number of open readings of one kind. Threads: any; taken places may outlive this object.
class ReadingPlaces {
 public:
  explicit ReadingPlaces(int places) : state_(std::make_shared<State>(places)) {}

  /// Returns a place; releasing the pointer frees it. Null: no place became free within `wait`.
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
  std::uint32_t holds = 0;          ///< Holds without a decision.
  std::string waiting_source = {};  ///< See HoldKind::kSource.
};

struct TableInfo {
  TableRecord record;
  std::uint32_t columns = 0;
  TableCheck check;
  bool held = false;           ///< An operator has to decide about the table.
  std::int64_t source_ms = 0;  ///< Source time of the table; 0: unknown.
  std::int64_t target_ms = 0;  ///< Maximum age by the configuration; 0: none.
  /// Set: the source could not send the table in the last completed cycle.
  std::optional<UnsentTable> unsent = {};
  /// False: the source could not even announce the table; only its name and `unsent` are valid.
  bool is_agreed = true;
};

struct IndexesOfTable {
  std::string table;
  std::optional<SourceObjects> objects;  ///< Absent: the source did not report them.
  std::vector<std::string> lines;        ///< See IndexLines().
  std::vector<std::string> followed;     ///< The mirror's own indexes on the table.
};

/// A table at a position, for a reading in parallel to writes. Holds one of the tenant's places.
struct TableReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  AgreedTable table;
};

/// The last committed state of a table, for a reading in parallel to writes. Holds a place as above.
struct CommittedReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  TableRecord record;
  TableSchema kept;  ///< The definition by which the rows are read.
};

/// Maximum number of open readings of a tenant for each kind: source, pages, whole
/// tables, exports. They are counted separately, so that no kind blocks another one.
inline constexpr int kReadingsMax = 4;
/// How long a page waits for its place.
inline constexpr std::chrono::seconds kPageWait{5};

enum class ReadingKind { kPage, kStream, kExport };

/// Read-only calls of a tenant: for its source, for an operator, for the delivery to
/// hooks. Errors: as Mirror; operator's calls also: kNotFound when the file is gone.
/// Threads: any.
class Readings {
 public:
  explicit Readings(Mirror& mirror) : mirror_(mirror) {}

  // --- For the source ---

  /// Returns the agreed definition, for decoding. See ReadAgreed().
  absl::StatusOr<AgreedTable> Agreed(const Caller& caller, const std::string& table,
                                     std::string_view schema_hash) {
    return ReadAgreed(mirror_, caller, table, schema_hash);
  }
  /// Opens the committed state of `table`, which has to be at `position`. Errors:
  /// kFailedPrecondition: it is not; kResourceExhausted: kReadingsMax are open.
  absl::StatusOr<TableReading> Read(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& position, std::int64_t now_ms);
  /// A reading of `cycle` continues or ended: its time does not count as idle. `began`: its start.
  void ReadOn(std::int64_t cycle, std::int64_t came_ms, std::chrono::steady_clock::time_point began);
  /// Notes the answer to DigestRanges: with it a source may report that nothing differs.
  void NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                   const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer);

  /// Returns the end of the chain, and the texts after `known`, at most kReceiptsPerAnswerMax; if `known`
  /// is not in this chain, the last ones. The hash of `known` may be empty: then only its number is used.
  struct Receipts {
    ReceiptHead head;
    std::vector<std::string> texts;
  };
  absl::StatusOr<Receipts> ReadReceipts(const ReceiptHead& known, std::int64_t now_ms);
  /// Returns the end of the chain, unless SignedReceipts() was
  /// called for it since the start. Absent: nothing is to be signed.
  absl::StatusOr<std::optional<ReceiptHead>> UnsignedReceipts();
  void SignedReceipts(const ReceiptHead& head);
  /// Returns whether each commit gets a receipt.
  bool keeps_receipts() const { return KeepsReceipts(mirror_.options().receipts, mirror_.context_id()); }

  // --- For the HTTP door, and for exports ---

  /// Opens the committed state of `table`, whichever door the rows used. Errors: kNotFound: no such table;
  /// kFailedPrecondition: its rows have an older definition until the next population, or were never
  /// populated; kResourceExhausted: kReadingsMax of this kind are open (for a page: still after kPageWait).
  absl::StatusOr<CommittedReading> ReadCommitted(const std::string& table, ReadingKind kind);
  /// Takes a table in the form in which it is read. False: stop.
  using TakeTable = std::function<bool(const TableRecord& record, const TableSchema& kept)>;
  /// Lists the tables that ReadCommitted() can read, by name, after
  /// `after`; returns their total number. Takes a place of a page.
  absl::StatusOr<std::uint64_t> ListCommitted(const std::string& after, const TakeTable& take);

  /// Opens the committed state without a table: place and snapshot.
  /// Errors: kNotFound: the mirror is gone; kResourceExhausted as above.
  absl::StatusOr<CommittedReading> OpenCommitted(ReadingKind kind);

  // --- For an operator ---

  absl::StatusOr<TenantInfo> Info();
  absl::StatusOr<std::vector<TableInfo>> Tables();
  absl::StatusOr<std::vector<Hold>> Holds();
  /// Returns what the source reported about indexes and foreign keys. An empty list means all tables. Errors:
  /// kNotFound with the table's name; kFailedPrecondition: nothing was reported or configured for any.
  absl::StatusOr<std::vector<IndexesOfTable>> Indexes(const std::vector<std::string>& tables);
  bool follows_indexes() const {
    return FollowsIndexes(*mirror_.options().indexes->Get(), mirror_.context_id());
  }

  // --- For the delivery to hooks ---

  /// Returns the oldest waiting note for this hook, once it is durable. Absent: none.
  absl::StatusOr<std::optional<HookNote>> FirstHook(const std::string& hook);
  /// Removes a note that was delivered or given up.
  absl::Status HookDone(std::int64_t id);

 private:
  absl::StatusOr<std::shared_ptr<void>> TakePlace(ReadingPlaces& places, std::chrono::milliseconds wait);

  Mirror& mirror_;
  std::int64_t written_ms_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;  ///< Progress of readings, by ReadOn().
  ReceiptHead signed_receipts_ MIRROR_GUARDED_BY(mirror_.mutex());
  ReadingPlaces sources_{kReadingsMax}, pages_{kReadingsMax}, streams_{kReadingsMax}, exports_{kReadingsMax};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_READINGS_H_
