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

/// Maximum of repeats for a table that changed while it was read; after these the table is refused.
inline constexpr int kMovedRepeats = 3;

/// Configuration of a table's mirror.
struct TargetRule {
  /// Rows and columns of the mirror that the source never had stay.
  bool preserve_target = false;
  Deletes deletes = Deletes::kApply;
  /// The mirror is compared with the source first, and only the differences are sent.
  bool staged = false;
};

struct CycleOptions {
  std::size_t batch_bytes = 1'000'000;  ///< Approximate bytes of one request.
  std::uint32_t window = 4;             ///< Requests in flight.
  std::size_t read_ahead =
      ReadAhead::kBytesMax;  ///< Maximum of bytes that are read but not sent yet, see ReadAhead.
  std::string staging =
      {};  ///< File for rows that wait while the source keeps its log for them; empty: none.
  /// Tables whose digests are compared with the mirror after sending.
  /// The mirror's operator or a count can ask for more comparisons.
  enum class Verify { kNone, kSome, kAll };
  Verify verify = Verify::kNone;
  std::vector<std::string> verify_tables = {};  ///< kSome: names of tables of the source.
  bool repair = true;                           ///< Differences are repaired in another cycle of the run.
  std::int64_t count_interval_ms = 3'600'000;   ///< See TableNotes::ShallCount.
  std::int64_t now_ms = 0;  ///< Unix time, for the above; 0: no table over 100,000 rows is counted.
  /// Milliseconds after which a table is read again that the mirror
  /// refused for a value of its key; 0: each run reads it.
  std::int64_t key_look_interval_ms = 0;
  std::map<std::string, TargetRule> targets = {};  ///< By folded name; other tables have none.
  bool repopulate_all = false;
  std::vector<std::string> repopulate = {};  ///< Names of tables of the source.
  ShowWork progress = {};                    ///< Called while rows are sent or compared; may be empty.
  const std::atomic<bool>* stop = nullptr;   ///< See SenderOptions.
  /// Returns whether a table without failures counts as failed
  /// because it has no log of its changes; empty: no table does.
  std::function<bool(const TableReport&)> lacks_log = {};
  std::vector<std::string> refused = {};  ///< Tables of the configuration that are not announced.
};

/// Objects that a run uses.
struct CycleParts {
  SourceReader& reader;
  MirrorClient& client;
  LockFile& lock;  ///< Held by the caller.
  RunState& state;
  History* log = nullptr;           ///< The source's own history, if it has one; else `state` is the history.
  ReceiptBook* receipts = nullptr;  ///< Null: no receipts are kept.
  CycleMarks* marks = nullptr;      ///< Null: the source has no exchange.
};

/// One run for one tenant: announces all tables, then sends for each table the changes that the mirror lacks.
///
/// With a change log it sends the net changes since the mirror's LSN, or all rows if the log does
/// not reach back to the mirror's state; see Decide(). Without a log it sends a whole table if
/// the mirror lacks it (LSN -1), if the mirror's state is not the last one sent, if the numbers
/// of rows differ, or on request. Then it does not see changes that keep the number of rows.
/// A table that differs is repaired by sending the rows that differ, or populated if those rows
/// are not known, and then compared again. A table whose number of rows differs is compared, too.
///
/// A table that changed while it was read, or of which the mirror lacks rows, is sent again in
/// a new cycle, up to kMovedRepeats times. Sleeps only if an endpoint after an unclean stop
/// refuses the token as too old: then for at most 12 s, once for each cycle.
/// After any error, and after a crash at any line, the next run continues.
CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_H_
