#ifndef MIRROR_CLIENT_CYCLE_CYCLE_REPORT_H_
#define MIRROR_CLIENT_CYCLE_CYCLE_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/source/source_log.h"
#include "proto/wire/refusal.h"

namespace mirror {

/// Of refusals as many are told.
inline constexpr std::size_t kRefusalsTold = 20;

/// What one run did with the deliveries of a hub.
struct ExchangeFigures {
  std::uint64_t fetched = 0;
  std::uint64_t applied = 0;
  std::uint64_t already = 0;    ///< The ledger had them.
  std::uint64_t conflicts = 0;  ///< The row was not as the hub knew it; the push behind tells it.
  std::uint64_t refused = 0;
  std::uint64_t later = 0;                 ///< Refused before, and not due yet.
  std::string waiting = {};                ///< Why the hub gave nothing; empty: it gave what there was.
  std::vector<std::string> refusals = {};  ///< Reasons, without values; kRefusalsTold at most.
};
/// Calls `visit` with the name in JSON and the value of each.
template <typename Figures, typename Visit>
void ForEachFigure(Figures& figures, const Visit& visit) {
  visit("fetched", figures.fetched);
  visit("applied", figures.applied);
  visit("already", figures.already);
  visit("conflicts", figures.conflicts);
  visit("refused", figures.refused);
  visit("later", figures.later);
  visit("waiting", figures.waiting);
  visit("refusals", figures.refusals);
}

enum class TableResult {
  kOk,        ///< Committed, or nothing to do.
  kUnwanted,  ///< The operator of the mirror does not want it.
  kBlocked,   ///< The configuration of the source says that it never leaves, and why.
  kRefused,   ///< The mirror or this agent does not take it as it is.
  kHeld,      ///< An operator has to decide.
  kFailed,
};
std::string_view ToString(TableResult result);
/// Absent: it is no word of ToString().
std::optional<TableResult> ParseTableResult(std::string_view word);

/// The reason of a table whose commit the end of the cycle overtook; CycleReport.status has the cause.
inline constexpr char kCycleEndedFirst[] = "the cycle ended before its commit";

/// What one run did with one table.
struct TableReport {
  enum class Action { kNone, kChanges, kPopulate };

  std::string table;
  Action action = Action::kNone;
  std::string reason;  ///< Why it was populated, or why it was not, for people.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::int64_t lsn = -1;  ///< Of the mirror at the end, as far as it is known.
  TableResult result = TableResult::kOk;
  /// With a result over kBlocked: why it was not sent, as the mirror is told. `reason` may have values of the
  /// source in it, and stays on this side.
  UnsentReason unsent = UnsentReason::kUnknown;
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

std::string_view ToString(TableReport::Action action);
std::string_view ToString(TableReport::Equality equality);

enum class Outcome {
  kDone,            ///< Every table is as it should be, or says why not.
  kBusy,            ///< Another cycle runs; nothing was sent.
  kDoNotReplicate,  ///< An operator paused the tenant, as somebody wants it; nothing was sent.
  kStopped,         ///< The mirror takes nothing, and not because somebody paused it; nothing was sent.
  kFailed,
};
std::string_view ToString(Outcome outcome);
/// Absent: it is no word of ToString().
std::optional<Outcome> ParseOutcome(std::string_view word);

struct CycleReport {
  Outcome outcome = Outcome::kFailed;
  absl::Status status;             ///< Not OK with kFailed: what ended the run.
  std::string reason;              ///< For people: who is busy, why not to replicate.
  std::vector<std::string> notes;  ///< What the person should know; mostly none.
  std::int64_t cycle = 0;
  bool tables_held = false;  ///< Tables that are not announced any more wait for the mirror's operator.
  std::vector<TableReport> tables;
  std::optional<LogFigures> log = {};  ///< Of a source whose log was read.
  /// Tables that its log cannot log, by the source's name, and why: they were compared with what they were.
  std::map<std::string, std::string> unlogged = {};
  bool delivers = false;  ///< The endpoint is of a hub that may have deliveries for the source.
  std::optional<ExchangeFigures> exchange = {};  ///< Of a source that takes them.
  bool pushes = true;  ///< False: an import that changed nothing, so that no cycle was to begin.

  /// Paused by an operator, or done and no table was refused, is held or failed.
  bool Good() const;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_REPORT_H_
