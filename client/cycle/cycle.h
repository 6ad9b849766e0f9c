#ifndef MIRROR_CLIENT_CYCLE_CYCLE_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/cycle/read_ahead.h"
#include "client/cycle/row_sender.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "client/state/lock_file.h"
#include "client/state/receipt_book.h"
#include "client/state/run_state.h"
#include "client/state/work.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"

namespace mirror {

/// Times that a table is read again when it moved while it was read; then it is refused.
inline constexpr int kMovedRepeats = 3;

/// What the configuration wants of a table's mirror.
struct TargetRule {
  /// Rows and columns that the source never owned stay.
  bool preserve_target = false;
  Deletes deletes = Deletes::kApply;
  /// Before anything is sent the mirror is compared with the source, and what differs is all that is sent.
  bool staged = false;
};

struct CycleOptions {
  std::size_t batch_bytes = 1'000'000;  ///< About, of one request.
  std::uint32_t window = 4;             ///< Requests in flight.
  std::size_t read_ahead =
      ReadAhead::kBytesMax;  ///< Bytes that are read before they are sent, see ReadAhead.
  std::string staging =
      {};  ///< Where rows of a source that pays for those that wait are staged; empty: nowhere.
  /// Which tables are compared with the mirror by digests when they are sent, beside those that the mirror's
  /// operator or a count asks for.
  enum class Verify { kNone, kSome, kAll };
  Verify verify = Verify::kNone;
  std::vector<std::string> verify_tables = {};  ///< kSome: names of tables of the source.
  bool repair = true;                           ///< What differs is mended in another cycle of the run.
  std::int64_t count_interval_ms = 3'600'000;   ///< See RunState::ShallCount.
  std::int64_t now_ms = 0;  ///< Unix time, for that; 0: no table over 100,000 rows is counted.
  std::map<std::string, TargetRule> targets = {};  ///< By folded name; the others have none.
  bool repopulate_all = false;
  std::vector<std::string> repopulate = {};  ///< Names of tables of the source.
  ShowWork progress = {};                    ///< Called while rows are sent or compared; may be empty.
  const std::atomic<bool>* stop = nullptr;   ///< See SenderOptions.
};

enum class TableResult {
  kOk,        ///< Committed, or nothing to do.
  kUnwanted,  ///< The operator of the mirror does not want it.
  kBlocked,   ///< The configuration of the source says that it never leaves, and why.
  kRefused,   ///< The mirror or this agent does not take it as it is.
  kHeld,      ///< An operator has to decide.
  kFailed,
};
std::string_view ToString(TableResult result);

/// The reason of a table whose commit the end of the cycle overtook; CycleReport.status has the cause.
inline constexpr char kCycleEndedFirst[] = "the cycle ended before its commit";

/// What one run did with one table.
struct TableReport {
  std::string table;
  std::string action = "none";  ///< none | changes | populate.
  std::string reason;           ///< Why it was populated, or why it was not, for people.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::int64_t lsn = -1;  ///< Of the mirror at the end, as far as it is known.
  TableResult result = TableResult::kOk;
  /// By digests, at the last position of the run. kNone: it was not asked for. kNotMeant: by its strategy it
  /// need not be equal.
  enum class Equality { kNone, kEqual, kDiffers, kUnknown, kNotMeant };
  Equality equality = Equality::kNone;
  std::string unknown_because;                      ///< kUnknown and kNotMeant, for people.
  std::uint64_t compared = 0;                       ///< Rows of the source.
  std::uint64_t lost = 0, changed = 0, ghosts = 0;  ///< That differ, kDiffers.
  std::uint64_t repaired = 0;                       ///< That differed and were mended in this run.
  /// Of those, also when they were mended: the first kKeysShown of each kind, as KeyText(). Only for who asks
  /// for them; neither a log nor the record of the last run has them.
  std::vector<std::string> lost_keys, changed_keys, ghost_keys;
};

std::string_view ToString(TableReport::Equality equality);

enum class Outcome {
  kDone,            ///< Every table is as it should be, or says why not.
  kBusy,            ///< Another cycle runs; nothing was sent.
  kDoNotReplicate,  ///< An operator paused the tenant, as somebody wants it; nothing was sent.
  kStopped,         ///< The mirror takes nothing, and not because somebody paused it; nothing was sent.
  kFailed,
};
std::string_view ToString(Outcome outcome);

struct CycleReport {
  Outcome outcome = Outcome::kFailed;
  absl::Status status;             ///< Not OK with kFailed: what ended the run.
  std::string reason;              ///< For people: who is busy, why not to replicate.
  std::vector<std::string> notes;  ///< What the person should know; mostly none.
  std::int64_t cycle = 0;
  bool tables_held = false;  ///< Tables that are not announced any more wait for the mirror's operator.
  std::vector<TableReport> tables;

  /// Paused by an operator, or done and no table was refused, is held or failed.
  bool Good() const;
};

/// What a run works with.
struct CycleParts {
  SourceReader& reader;
  MirrorClient& client;
  LockFile& lock;  ///< Held by the caller.
  RunState& state;
  History* log = nullptr;           ///< The source's own record, when it has one; else `state` is it.
  ReceiptBook* receipts = nullptr;  ///< Null: none are kept.
};

/// One run for one tenant: announces all tables, then sends of each what the mirror lacks.
///
/// With a change log that is the net changes since the mirror's LSN, or all rows when the mirror is in a
/// state that the log does not reach back to; see Decide(). Without one a table is sent whole when the mirror
/// lacks it (LSN -1), is in a state that was not the last one sent, has another number of rows, or when it is
/// asked for; changes that keep the number of rows are not seen.
///
/// Tables that are compared and differ are mended by their rows that differ, or populated when those cannot
/// be told, and then compared again. One whose number of rows was found to differ is compared in this way,
/// too.
///
/// A table that moved while it was read, or of which the mirror lacks rows, is sent again in a new cycle, up
/// to kMovedRepeats times. Never sleeps. After any error, and after a crash at any line, the next run goes
/// on.
CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_H_
