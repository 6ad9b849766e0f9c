#ifndef MIRROR_SERVER_PLAN_ANNOUNCE_PLAN_H_
#define MIRROR_SERVER_PLAN_ANNOUNCE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/table.h"
#include "server/plan/breaker.h"
#include "server/plan/index_plan.h"
#include "server/plan/plan.h"
#include "server/plan/schema_plan.h"

// Plans the changes of a mirror's tables when its source announces its tables. Pure.

namespace mirror {

/// A table of a TableSchema call, decoded by the codec.
struct AnnouncedTable {
  std::string name;
  absl::StatusOr<TableSchema> schema;
  /// Indexes and foreign keys. Absent: the source does not send any. An error: they are invalid.
  absl::StatusOr<std::optional<SourceObjects>> objects = std::optional<SourceObjects>();
  /// A number that differs after the table was dropped and recreated, or may have been. 0: the source does
  /// not send it.
  std::uint64_t identity = 0;
};

/// Returns whether the mirror takes batches of the table.
bool IsWanted(SchemaAction action);

struct AnnounceRequest {
  std::int64_t cycle = 0;
  std::string source_id;
  std::string digest;
  const std::vector<AnnouncedTable>& tables;
  std::int64_t now_ms = 0;
  /// Skips slow work, which a later announcement does: tables that were set aside are not dropped.
  bool is_short = false;
};

/// The check of a table of the request.
struct CheckedTable {
  absl::Status status;  ///< The error of the codec or the store if one of them refuses the table.
  std::string hash;     ///< SchemaHash of the table; empty if it is refused.
};

/// The mirror's data on one table.
struct MirroredTable {
  std::optional<TableSchema> agreed;
  std::vector<std::string> lost;   ///< See StoreRecords::ReadLostColumns().
  std::vector<std::string> aside;  ///< StoreRecords::SetAside(), filled for a new table that keeps partner
                                   ///< rows.
};

/// The mirror's state that the plan is based on.
struct AnnounceView {
  std::string context_id;
  BreakerLimits limits;  ///< For the announcement as a whole.
  std::int64_t drop_grace_ms = 0;
  TenantRecord tenant;
  std::vector<Hold> holds;
  std::vector<SchemaAnswer> former;  ///< Answers of the former cycle.
  // The plan does not use the members below if IsOtherSource().
  std::vector<CheckedTable> checked;  ///< For each announced table.
  std::vector<TableRecord> records;
  std::vector<std::string> there;  ///< Agreed tables that still exist.
  std::vector<TouchedTable> touched;
  std::vector<KeptObjects> objects;
  std::map<std::string, MirroredTable> tables;  ///< By folded name: the tables that TablesToRead lists.

  /// Returns whether the announcing source database differs from the accepted one.
  bool IsOtherSource(const AnnounceRequest& request) const;
};

/// The tables whose definitions the plan needs.
struct TablesToRead {
  std::vector<std::string> unannounced;
  std::vector<std::size_t> changed;  ///< Indexes in the request.
};
TablesToRead FindTablesToRead(const AnnounceRequest& request, const AnnounceView& view);

struct AnnouncePlan {
  static constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);

  Plan plan;                          ///< The whole plan except the notes for hooks.
  std::vector<SchemaAnswer> answers;  ///< For each announced table, as planned.
  std::vector<std::size_t> step_of;   ///< For each answer, its step; kNoStep: none.
  std::set<std::string> by_hand;      ///< Folded names of tables whose TablePlan::by_hand is set.
  std::vector<std::string> retired;
  bool retires_partner = false;  ///< A table in `retired` may have rows of the partner's.
  bool repeats = false;          ///< The announcement is a repetition: the plan changes neither a decision
                                 ///< nor a definition.
};
AnnouncePlan PlanAnnouncement(const AnnounceRequest& request, const AnnounceView& view);

/// Returns the answers, corrected by the results of the steps.
std::vector<SchemaAnswer> AnswersAfter(std::vector<SchemaAnswer> planned,
                                       const std::vector<std::size_t>& step_of,
                                       const std::vector<StepResult>& steps);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_ANNOUNCE_PLAN_H_
