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

/// So many readings of one kind may be open at once. Threads: any; places may outlive it.
class ReadingPlaces {
 public:
  explicit ReadingPlaces(int places) : state_(std::make_shared<State>(places)) {}

  /// One, until it is let go of. Null: none became free within `wait`.
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
  std::uint32_t holds = 0;          ///< Without a decision.
  std::string waiting_source = {};  ///< See HoldKind::kSource.
};

struct TableInfo {
  TableRecord record;
  std::uint32_t columns = 0;
  TableCheck check;
  bool held = false;           ///< An operator has to decide about it.
  std::int64_t source_ms = 0;  ///< As of when it is; 0: not known.
  std::int64_t target_ms = 0;  ///< How old it may become; 0: as it likes.
  /// Set: its source could not send it in the last completed cycle.
  std::optional<UnsentTable> unsent = {};
  /// False: its source could not even announce it, and only its name and `unsent` mean something.
  bool is_agreed = true;
};

struct IndexesOfTable {
  std::string table;
  std::optional<SourceObjects> objects;  ///< Absent: the source did not tell.
  std::vector<std::string> lines;        ///< See IndexLines().
  std::vector<std::string> followed;     ///< The mirror's own indexes on it.
};

/// A table at a position, to be read beside what goes on. Holds one of the tenant's places for it.
struct TableReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  AgreedTable table;
};

/// A table as it is committed last, for whoever reads it beside what goes on. Holds a place as above.
struct CommittedReading {
  std::shared_ptr<void> place;
  std::unique_ptr<Snapshot> snapshot;
  TableRecord record;
  TableSchema kept;  ///< What its rows are read by.
};

/// Readings that a tenant may have open at once: of its source, pages, whole tables, and exports, each by
/// themselves, so that none of them keeps another out.
inline constexpr int kReadingsMax = 4;
/// For a page to get its place.
inline constexpr std::chrono::seconds kPageWait{5};

enum class ReadingKind { kPage, kStream, kExport };

/// What a tenant tells of itself: to its source, to an operator, to those who deliver to hooks. Nothing is
/// changed by it. Errors: as Mirror; those that are an operator's: kNotFound when the file is gone.
/// Threads: any.
class Readings {
 public:
  explicit Readings(Mirror& mirror) : mirror_(mirror) {}

  // --- The source's ---

  /// The agreed definition, for decoding. See ReadAgreed().
  absl::StatusOr<AgreedTable> Agreed(const Caller& caller, const std::string& table,
                                     std::string_view schema_hash) {
    return ReadAgreed(mirror_, caller, table, schema_hash);
  }
  /// What is committed of `table`, which has to stand at `position`. Errors: kFailedPrecondition,
  /// kResourceExhausted when kReadingsMax are open.
  absl::StatusOr<TableReading> Read(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& position, std::int64_t now_ms);
  /// A reading of `cycle` goes on, or ended: that time does not count as idle. `began` is when it came.
  void ReadOn(std::int64_t cycle, std::int64_t came_ms, std::chrono::steady_clock::time_point began);
  /// What DigestRanges answered: with it a source may say that nothing differs.
  void NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                   const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer);

  /// The end of the chain, and the texts behind `known`, kReceiptsPerAnswerMax at most; where `known` is not
  /// of this chain, the last ones. Its hash may be empty: then only its number counts.
  struct Receipts {
    ReceiptHead head;
    std::vector<std::string> texts;
  };
  absl::StatusOr<Receipts> ReadReceipts(const ReceiptHead& known, std::int64_t now_ms);
  /// The end of the chain, unless SignedReceipts() was told of it since the start. Absent: nothing is to be
  /// signed.
  absl::StatusOr<std::optional<ReceiptHead>> UnsignedReceipts();
  void SignedReceipts(const ReceiptHead& head);
  /// Whether each commit gets a receipt.
  bool keeps_receipts() const { return KeepsReceipts(mirror_.options().receipts, mirror_.context_id()); }

  // --- Of the door for JSON, and of exports ---

  /// What is committed of `table`, through whichever door it came. Errors: kNotFound: there is no such table;
  /// kFailedPrecondition: its rows have an older definition, until they are populated, or it was never
  /// populated; kResourceExhausted when kReadingsMax of this kind are open, of pages still after kPageWait.
  absl::StatusOr<CommittedReading> ReadCommitted(const std::string& table, ReadingKind kind);
  /// Gives a table in the form that it is read by. False: no more of them.
  using TakeTable = std::function<bool(const TableRecord& record, const TableSchema& kept)>;
  /// The tables that ReadCommitted() reads, by name, those behind `after`; how many there are in all. Takes a
  /// page's place.
  absl::StatusOr<std::uint64_t> ListCommitted(const std::string& after, const TakeTable& take);

  /// What is committed, of no table yet: its place and its snapshot. Errors: kNotFound: the mirror is gone;
  /// kResourceExhausted as above.
  absl::StatusOr<CommittedReading> OpenCommitted(ReadingKind kind);

  // --- An operator's ---

  absl::StatusOr<TenantInfo> Info();
  absl::StatusOr<std::vector<TableInfo>> Tables();
  absl::StatusOr<std::vector<Hold>> Holds();
  /// What the source told of indexes and foreign keys. An empty list means all. Errors: kNotFound naming the
  /// table; kFailedPrecondition when it told nothing of any table, and the configuration has none for them.
  absl::StatusOr<std::vector<IndexesOfTable>> Indexes(const std::vector<std::string>& tables);
  bool follows_indexes() const {
    return FollowsIndexes(*mirror_.options().indexes->Get(), mirror_.context_id());
  }

  // --- Of who delivers to hooks ---

  /// What waits longest for this hook, once it is durable. Absent: none.
  absl::StatusOr<std::optional<HookNote>> FirstHook(const std::string& hook);
  /// It was delivered, or given up.
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
