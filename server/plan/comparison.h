#ifndef MIRROR_SERVER_PLAN_COMPARISON_H_
#define MIRROR_SERVER_PLAN_COMPARISON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/key_range.h"
#include "proto/wire/refusal.h"
#include "proto/wire/row_digest.h"
#include "server/plan/plan.h"

// Compares what a source reports about its tables with the mirror. Pure.

namespace mirror {

/// A table of ReplicationCompleted.
struct CompletedTable {
  std::string table;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::optional<std::uint64_t> row_count;
  std::optional<std::uint64_t> digest;
  std::optional<Position> position;          ///< The position of the source's values; absent: the mirror's
                                             ///< position.
  std::optional<std::uint64_t> rows_differ;  ///< Number of differing rows, which digests of ranges found.
};

/// A table that its source could not send.
struct UnsentTable {
  std::string table;  ///< As the source spells it.
  UnsentReason reason = UnsentReason::kUnknown;
  std::int64_t since_ms = 0;  ///< End of the first cycle without the table; 0: the source reports it for the
                              ///< first time.
  friend bool operator==(const UnsentTable&, const UnsentTable&) = default;
};

/// The contents of ReplicationCompleted, or of RowDataRequest.completed.
struct Completion {
  std::vector<CompletedTable> tables;
  std::optional<AllAsOf> as_of;
  std::vector<UnsentTable> unsent;  ///< See ReplicationCompletedRequest.unsent_tables.
};

/// The numbers of Comparison in completion.proto.
enum class Comparison : std::uint8_t { kEqual = 1, kDiffers = 2, kUnchecked = 3 };

struct TableVerdict {
  std::string table;
  Comparison comparison = Comparison::kUnchecked;
  std::string reason;
};

/// The part of a table's keys of which this endpoint has sent digests, at one position. Adjacent ranges add
/// up to the whole table, over several calls, too.
class DigestCoverage {
 public:
  /// Adds an answer about `ranges`; an empty list means the whole table.
  void Add(const Position& position, const std::vector<KeyRange>& ranges,
           const std::vector<RangeDigest>& answer);
  /// Returns the whole table's digest at `position`. Absent: no digest was sent for some keys.
  std::optional<RangeDigest> Whole(const Position& position) const;

 private:
  Position position_;
  bool begun_ = false, whole_ = false;
  Key until_;  ///< Digests were sent for all keys before this one.
  RangeDigest sum_;
};

struct Compared {
  TableVerdict verdict;
  /// The new check; absent: the comparison showed nothing new.
  std::optional<TableCheck> check;
};

/// Compares a table. `record`: the mirror's row of the table; absent: there is none. `own`: the mirror's
/// digest of all rows at the record's position; absent: not known. Both are used only if the source sent the
/// value to compare with.
Compared Compare(const CompletedTable& source, const std::optional<TableRecord>& record,
                 const std::optional<RangeDigest>& own, std::int64_t now_ms);

/// Returns the check for a table whose rows came from a source that was replaced. The replaced source sent
/// the state at `record.position`. `before`: the present check. IsUnproven() is true until the table is
/// populated, or compared by digests with the new source.
TableCheck UnprovenCheck(const TableRecord& record, const std::optional<TableCheck>& before);
bool IsUnproven(const TableCheck& check);

/// Returns whether `next` may replace `known`: an equal number of rows does not replace equal digests.
bool Supersedes(const TableCheck& next, const TableCheck& known);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_COMPARISON_H_
