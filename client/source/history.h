#ifndef MIRROR_CLIENT_SOURCE_HISTORY_H_
#define MIRROR_CLIENT_SOURCE_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/strategy.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// How a position that the mirror shows relates to its source.
enum class Standing {
  kKnown,    ///< This source sent it and knows what happened since.
  kEmptied,  ///< As kKnown; all rows were removed since, and the present rows are newer than that.
  kOlder,    ///< This source sent it, and later sent a newer one that the mirror does not show.
  kAhead,    ///< The position is beyond the source's end: the source was restored.
  kMiss,     ///< The position is not part of this source's past.
  kGone,     ///< The position is of its past, or older; the changes since then are no longer on record.
};

/// The source's own record of the positions that it sent. By this record the source recognises its mirror, a
/// restored mirror, and that the source itself was restored. Threads: one.
class History {
 public:
  virtual ~History() = default;

  virtual const std::string& source_id() const = 0;

  /// Checks whether the source is the one it was before. Another path, host or SourceMark.database is another
  /// source: it gets an id of its own and recognises no position. Another file at the same path means a
  /// restored source. Returns a sentence for people, mostly empty.
  virtual absl::StatusOr<std::string> Bind(const SourceMark& mark) = 0;

  /// Reads the source's log up to now, so that a later look at the source is not older than this record. Call
  /// it before each look; a dry run does not call it. Errors end the run.
  virtual absl::Status Refresh() { return absl::OkStatus(); }

  /// Prepares the record for exactly these tables, as they are defined now. Returns a sentence for each table
  /// whose record was discarded.
  virtual absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) = 0;
  /// Fills in Column.backfill, which only the history knows. False: the history was prepared for another
  /// definition of the table. Then call Renew() and take a new look at the source.
  virtual bool Complete(TableSchema& schema) = 0;

  /// Invalidates all positions of the table sent so far. Does nothing where changes are found by reading the
  /// rows as they are sent.
  virtual absl::Status GiveUp(const std::string& table) {
    (void)table;
    return absl::OkStatus();
  }

  virtual absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) = 0;

  /// Whether the table changed since `lsn`, a position that was judged kKnown. Absent: this source cannot
  /// tell.
  virtual absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) = 0;

  /// Keys of rows that changed since `lsn`, a position that was judged kKnown, each at least once. Absent:
  /// this source does not know them.
  virtual absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) {
    (void)table, (void)lsn;
    return std::nullopt;
  }

  /// Whether the table's changes are known row by row. False: the table is populated after every change.
  virtual bool NamesRows(const std::string& table) = 0;
  /// Whether changes made while all rows are read are known row by row. True: net changes follow the rows.
  virtual bool FollowsReading(const std::string& table) { return NamesRows(table); }
  /// Whether a table that this history reports as unchanged surely equals its mirror.
  virtual bool SeesChanges(const std::string& table) = 0;

  /// The same for a table whose changes are noticed between two runs, by a ChangeSignal.
  virtual bool NoticesChanges(const std::string& table) { return SeesChanges(table); }

  virtual Form FormOf(const std::string& table) = 0;
  /// Whether this history sent the position, in any form.
  virtual absl::StatusOr<bool> Sent(const std::string& table, const Position& position) {
    (void)table, (void)position;
    return false;
  }
  /// Continues from a position that the mirror has and that another form sent. The position becomes kKnown,
  /// with no change since; the caller must find real changes by a comparison. False: this is not possible.
  virtual absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) {
    (void)table, (void)position;
    return false;
  }

  /// Whether a comparison can find the missed changes of a table that is kGone, or in a state that this
  /// source confirmed. True: no population is needed, since Adopt() continues from any such position.
  virtual bool MendsGaps(const std::string& table) {
    (void)table;
    return false;
  }

  /// Why the changes of a table that is kGone are not on record: a clause for people. Empty: the reason is
  /// not known.
  virtual std::string WhyGone(const std::string& table) {
    (void)table;
    return "";
  }

  /// Why the mirror of a table may hold other rows than the source, for people. Empty: both should hold the
  /// same rows.
  virtual std::string WhyNotEqual(const std::string& table) {
    (void)table;
    return "";
  }

  /// Returns the target of each table that is about to be sent. The targets are on disk before this returns.
  /// `highest`: the highest LSN that the mirror shows of any table. Rows that are read after this call may be
  /// newer than the target's LSN, never older.
  virtual absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                                std::int64_t highest) = 0;

  /// Called after a cycle with the position of each table that is durable at the mirror. May delete older
  /// records.
  virtual absl::Status Forget(const std::map<std::string, Position>& durable) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_HISTORY_H_
