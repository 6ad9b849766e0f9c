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

// What becomes of the tables of a mirror when its source announces those that it has. Pure.

namespace mirror {

/// A table of TableSchema as the codec left it.
struct AnnouncedTable {
  std::string name;
  absl::StatusOr<TableSchema> schema;
  /// Indexes and foreign keys. Absent: the source does not tell. An error: they cannot be meant.
  absl::StatusOr<std::optional<SourceObjects>> objects = std::optional<SourceObjects>();
  /// Another number: the table was dropped and made again, or may have been. 0: the source does not tell.
  std::uint64_t identity = 0;
};

/// Whether batches of a table are taken.
bool IsWanted(SchemaAction action);

struct AnnounceRequest {
  std::int64_t cycle = 0;
  std::string source_id;
  std::string digest;
  const std::vector<AnnouncedTable>& tables;
  std::int64_t now_ms = 0;
  /// What takes long is left to a later announcement: tables that were set aside stay.
  bool is_short = false;
};

/// Of a table of the request.
struct CheckedTable {
  absl::Status status;  ///< Why it is refused as it is: by the codec or by the store.
  std::string hash;     ///< SchemaHash of it, unless it is refused.
};

/// What the mirror has of one table.
struct MirroredTable {
  std::optional<TableSchema> agreed;
  std::vector<std::string> lost;   ///< StoreRecords::ReadLostColumns().
  std::vector<std::string> aside;  ///< Store::SetAside(), where it is to be made and to keep the partner's.
};

/// What the plan is made of, as the mirror has it.
struct AnnounceView {
  std::string context_id;
  BreakerLimits limits;  ///< For what is announced as a whole.
  std::int64_t drop_grace_ms = 0;
  TenantRecord tenant;
  std::vector<Hold> holds;
  std::vector<SchemaAnswer> former;  ///< Answers of the cycle before.
  // The rest is of no use when IsOtherSource().
  std::vector<CheckedTable> checked;  ///< Of each announced table.
  std::vector<TableRecord> records;
  std::vector<std::string> there;  ///< Agreed, and not dropped by somebody.
  std::vector<TouchedTable> touched;
  std::vector<KeptObjects> objects;
  std::map<std::string, MirroredTable> tables;  ///< By folded name: those of TablesToRead().

  /// Another source database than the one that is believed announces itself.
  bool IsOtherSource(const AnnounceRequest& request) const;
};

/// The tables whose definitions the plan needs, those that the request does not name first.
struct TablesToRead {
  std::vector<std::string> unannounced;
  std::vector<std::size_t> changed;  ///< Numbers in the request.
};
TablesToRead FindTablesToRead(const AnnounceRequest& request, const AnnounceView& view);

struct AnnouncePlan {
  static constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);

  Plan plan;                          ///< All but what hooks are told.
  std::vector<SchemaAnswer> answers;  ///< As planned, of each announced table.
  std::vector<std::size_t> step_of;   ///< Of each answer, the step; kNoStep: none.
  std::set<std::string> by_hand;      ///< TablePlan::by_hand: the folded names of these tables.
  std::vector<std::string> retired;
  bool retires_partner = false;  ///< Of them one may hold rows that are the partner's.
  bool repeats = false;  ///< It says what is known: nothing is decided by it, and no definition changes.
};
AnnouncePlan PlanAnnouncement(const AnnounceRequest& request, const AnnounceView& view);

/// The answers by what came of the steps.
std::vector<SchemaAnswer> AnswersAfter(std::vector<SchemaAnswer> planned,
                                       const std::vector<std::size_t>& step_of,
                                       const std::vector<StepResult>& steps);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_ANNOUNCE_PLAN_H_
