#ifndef MIRROR_CLIENT_CYCLE_CYCLE_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/cycle/cycle_report.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "client/source/source_log.h"
#include "client/state/lock_file.h"
#include "client/state/receipt_book.h"
#include "client/state/run_state.h"
#include "client/state/work_note.h"
#include "client/wire/mirror_client.h"
#include "client/wire/read_ahead.h"
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
  bool repair = true;                           ///< Differences are repaired in another cycle of the run.
  std::int64_t count_interval_ms = 3'600'000;   ///< See TableNotes::ShallCount.
  std::int64_t now_ms = 0;  ///< Unix time, for that; 0: no table over 100,000 rows is counted.
  /// How long a table that the mirror refused for a value of its key is left, before its rows are looked at
  /// again; 0: each run does.
  std::int64_t key_look_interval_ms = 0;
  std::map<std::string, TargetRule> targets = {};  ///< By folded name; the others have none.
  bool repopulate_all = false;
  std::vector<std::string> repopulate = {};  ///< Names of tables of the source.
  ShowWork progress = {};                    ///< Called while rows are sent or compared; may be empty.
  const std::atomic<bool>* stop = nullptr;   ///< See SenderOptions.
  /// Whether a table of which nothing failed counts as failed all the same, since its changes have no record;
  /// empty: none does.
  std::function<bool(const TableReport&)> lacks_log = {};
  std::vector<std::string> refused = {};  ///< Tables of the configuration that are not announced.
};

/// What a run works with.
struct CycleParts {
  SourceReader& reader;
  MirrorClient& client;
  LockFile& lock;  ///< Held by the caller.
  RunState& state;
  History* log = nullptr;           ///< The source's own record, when it has one; else `state` is it.
  ReceiptBook* receipts = nullptr;  ///< Null: none are kept.
  CycleMarks* marks = nullptr;      ///< Null: the source has no exchange.
};

/// One run for one tenant: announces all tables, then sends of each what the mirror lacks.
///
/// With a change log that is the net changes since the mirror's LSN, or all rows when the mirror is in a
/// state that the log does not reach back to; see Decide(). Without one a table is sent whole when the mirror
/// lacks it (LSN -1), is in a state that was not the last one sent, has another number of rows, or when it is
/// asked for; changes that keep the number of rows are not seen.
/// Tables that differ are repaired by sending the rows that differ, or populated when those rows are not
/// known, and then compared again. A table whose number of rows differs is compared, too.
///
/// A table that moved while it was read, or of which the mirror lacks rows, is sent again in a new cycle, up
/// to kMovedRepeats times. Never sleeps. After any error, and after a crash at any line, the next run goes
/// on.
CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_H_
