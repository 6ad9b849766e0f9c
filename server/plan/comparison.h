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

// What the endpoint concludes from what a source says of its own table. Pure.

namespace mirror {

/// A table of ReplicationCompleted.
struct CompletedTable {
  std::string table;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::optional<std::uint64_t> row_count;
  std::optional<std::uint64_t> digest;
  std::optional<Position> position;          ///< Where the source counted; absent: where the mirror stands.
  std::optional<std::uint64_t> rows_differ;  ///< Found by ranges.
};

/// A table that its source could not send.
struct UnsentTable {
  std::string table;  ///< As the source spells it.
  UnsentReason reason = UnsentReason::kUnknown;
  std::int64_t since_ms = 0;  ///< End of the first cycle without it; 0: the source has just said so.
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

/// How much of a table's keys this endpoint has given digests of, at one position. Ranges that follow each
/// other make a whole, also over several calls.
class DigestCoverage {
 public:
  /// `ranges` were answered; none means all of the table.
  void Add(const Position& position, const std::vector<KeyRange>& ranges,
           const std::vector<RangeDigest>& answer);
  /// The whole table's digest at `position`; absent while some key was not asked for.
  std::optional<RangeDigest> Whole(const Position& position) const;

 private:
  Position position_;
  bool begun_ = false, whole_ = false;
  Key until_;  ///< Everything before it was answered.
  RangeDigest sum_;
};

struct Compared {
  TableVerdict verdict;
  /// What is known from now on; absent: no more than before.
  std::optional<TableCheck> check;
};

/// `record`: the mirror's own, absent when there is none. `own`: its digest of all rows at the record's
/// position, where it is known. Neither is needed for what the source did not give.
Compared Compare(const CompletedTable& source, const std::optional<TableRecord>& record,
                 const std::optional<RangeDigest>& own, std::int64_t now_ms);

/// A table whose source another one took the place of: what stood at `record.position` the former one sent.
/// `before`: the check that is kept. Until it IsUnproven() no more, the table was neither populated nor
/// compared with its source by digests.
TableCheck UnprovenCheck(const TableRecord& record, const std::optional<TableCheck>& before);
bool IsUnproven(const TableCheck& check);

/// Whether `next` may stand in place of `known`: a count proves less than digests do.
bool Supersedes(const TableCheck& next, const TableCheck& known);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_COMPARISON_H_
