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

// Compares a source's report on its own table with the mirror. Pure.

namespace mirror {

/// A table of ReplicationCompleted.
struct CompletedTable {
  std::string table;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::optional<std::uint64_t> row_count;
  std::optional<std::uint64_t> digest;
  std::optional<Position> position;          ///< The source's position; absent: the mirror's.
  std::optional<std::uint64_t> rows_differ;  ///< Found by digests of ranges.
};

/// A table that its source could not send.
struct UnsentTable {
  std::string table;  ///< As the source spells it.
  UnsentReason reason = UnsentReason::kUnknown;
  std::int64_t since_ms = 0;  ///< End of the first cycle without it; 0: the source reported it just now.
  friend bool operator==(const UnsentTable&, const UnsentTable&) = default;
};

/// ReplicationCompleted, or RowDataRequest.completed.
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

/// Which part of a table's keys this endpoint has sent digests of, at one position. Adjacent ranges add up to
/// a whole, even over several calls.
class DigestCoverage {
 public:
  /// Adds an answer about `ranges`; an empty list means the whole table.
  void Add(const Position& position, const std::vector<KeyRange>& ranges,
           const std::vector<RangeDigest>& answer);
  /// Returns the whole table's digest at `position`; absent while some keys were not covered.
  std::optional<RangeDigest> Whole(const Position& position) const;

 private:
  Position position_;
  bool begun_ = false, whole_ = false;
  Key until_;  ///< All keys before it are covered.
  RangeDigest sum_;
};

struct Compared {
  TableVerdict verdict;
  /// The new check; absent: nothing new is known.
  std::optional<TableCheck> check;
};

/// Compares a table. `record`: the mirror's own, absent when there is none. `own`: its digest of all rows at
/// the record's position, if known. A value that the source did not give needs neither.
Compared Compare(const CompletedTable& source, const std::optional<TableRecord>& record,
                 const std::optional<RangeDigest>& own, std::int64_t now_ms);

/// Returns the check for a table whose source was replaced: the former source sent the state at
/// `record.position`. `before`: the present check. While IsUnproven(), the table was neither populated nor
/// compared with its source by digests.
TableCheck UnprovenCheck(const TableRecord& record, const std::optional<TableCheck>& before);
bool IsUnproven(const TableCheck& check);

/// Returns whether `next` may replace `known`: a count proves less than digests do.
bool Supersedes(const TableCheck& next, const TableCheck& known);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_COMPARISON_H_
