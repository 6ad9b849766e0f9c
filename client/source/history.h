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

/// What a position that the mirror shows is to its source.
enum class Standing {
  kKnown,    ///< This source sent it and knows what happened since.
  kEmptied,  ///< The same; all rows went since, and those that there are came behind that.
  kOlder,    ///< This source sent it, and something newer after it that the mirror does not show.
  kAhead,    ///< Beyond where the source is: the source was restored.
  kMiss,     ///< Not of this source's past.
  kGone,     ///< Of its past, or older than that; what happened since is not on record any more.
};

/// A source's own record of the positions that it sent, by which it recognises a mirror, a restored mirror,
/// and its own restored self. Threads: one.
class History {
 public:
  virtual ~History() = default;

  virtual const std::string& source_id() const = 0;

  /// Says whether the source is what it was. Another path or host, or another SourceMark.database, is another
  /// source: it gets an id of its own and recognises nothing. Another file at the same path was restored. A
  /// sentence for people; mostly empty.
  virtual absl::StatusOr<std::string> Bind(const SourceMark& mark) = 0;

  /// Before each look at the source: takes in what it wrote down until now, so that the look is no older. Who
  /// only looks, as a dry run, does not ask for it. Errors end the run.
  virtual absl::Status Refresh() { return absl::OkStatus(); }

  /// Prepares for exactly these tables as they are now. Returns a sentence for each table whose record was
  /// given up.
  virtual absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) = 0;
  /// Fills in what only it knows about a table's columns (Column.backfill). False: it is ready for another
  /// definition than this one: renew it, and look at the source again.
  virtual bool Complete(TableSchema& schema) = 0;

  /// Invalidates every position of the table that was sent so far. Nothing to do where changes are found by
  /// looking at the rows as they are sent.
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

  /// Whether the table's changes are known row by row. False: it is populated whenever it changed.
  virtual bool NamesRows(const std::string& table) = 0;
  /// Whether that goes for what changes while all its rows are read, too: then net changes follow them.
  virtual bool FollowsReading(const std::string& table) { return NamesRows(table); }
  /// Whether a table that it says did not change is known to be the mirror's.
  virtual bool SeesChanges(const std::string& table) = 0;

  virtual Form FormOf(const std::string& table) = 0;
  /// Whether this history sent the position, in whatever form.
  virtual absl::StatusOr<bool> Sent(const std::string& table, const Position& position) {
    (void)table, (void)position;
    return false;
  }
  /// Goes on from a position that the mirror has and another form sent, so that it is kKnown and nothing
  /// changed since. What did change the caller finds by a comparison. False: it cannot.
  virtual absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) {
    (void)table, (void)position;
    return false;
  }

  /// Whether what was missed of a table is found by a comparison, where it is kGone or a state that this
  /// source confirmed: the table need not be populated, since Adopt() goes on from any such position.
  virtual bool MendsGaps(const std::string& table) {
    (void)table;
    return false;
  }

  /// Why what happened in a table that is kGone is not on record, for people: a clause. Empty: it is not
  /// known.
  virtual std::string WhyGone(const std::string& table) {
    (void)table;
    return "";
  }

  /// Why the mirror of a table may hold other rows than the source, for people. Empty: it is to hold the
  /// same.
  virtual std::string WhyNotEqual(const std::string& table) {
    (void)table;
    return "";
  }

  /// The targets of tables that are about to be sent, on disk before this returns. `highest` is the highest
  /// LSN that the mirror shows of any table. Rows that are read after this may be newer than the target's
  /// LSN, never older.
  virtual absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                                std::int64_t highest) = 0;

  /// After a cycle: what of each table is on the mirror's disk. What lies below may be forgotten.
  virtual absl::Status Forget(const std::map<std::string, Position>& durable) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_HISTORY_H_
