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
#include "client/wire/heartbeat_terms.h"
#include "proto/wire/refusal.h"

namespace mirror {

/// Maximum of refusals that a report lists.
inline constexpr std::size_t kRefusalsTold = 20;

/// Results of a hub's deliveries in one run.
struct ExchangeFigures {
  std::uint64_t fetched = 0;
  std::uint64_t applied = 0;
  std::uint64_t already = 0;    ///< The ledger had them already.
  std::uint64_t conflicts = 0;  ///< The row differed from what the hub knew; the next push sends it.
  std::uint64_t refused = 0;
  std::uint64_t later = 0;                 ///< Refused before, and not due yet.
  std::string waiting = {};                ///< Why the hub gave nothing; empty: it gave all it had.
  std::vector<std::string> refusals = {};  ///< Reasons, without values; at most kRefusalsTold.
};
/// Calls `visit` with the JSON name and the value of each figure.
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
  kUnwanted,  ///< The mirror's operator does not want it.
  kBlocked,   ///< The source's configuration blocks it, and says why.
  kRefused,   ///< The mirror or this agent does not accept it as it is.
  kHeld,      ///< An operator must decide.
  kFailed,
};
std::string_view ToString(TableResult result);
/// Absent: `word` is not a result of ToString().
std::optional<TableResult> ParseTableResult(std::string_view word);

/// The reason of a table if the cycle ended before its commit; CycleReport.status has the cause.
inline constexpr char kCycleEndedFirst[] = "the cycle ended before its commit";

/// Result of one table in one run.
struct TableReport {
  enum class Action { kNone, kChanges, kPopulate };

  std::string table;
  Action action = Action::kNone;
  std::string reason;  ///< Why it was populated, or why it was not, for people.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::int64_t lsn = -1;  ///< That of the mirror at the end, if known.
  TableResult result = TableResult::kOk;
  /// For kRefused, kHeld and kFailed: why the table was not sent, in the form that the
  /// mirror gets. `reason` may contain values of the source, and is never sent.
  UnsentReason unsent = UnsentReason::kUnknown;
  /// Result of the digest comparison, at the last position of the run. kNone:
  /// not requested. kNotMeant: with its strategy the table need not be equal.
  enum class Equality { kNone, kEqual, kDiffers, kUnknown, kNotMeant };
  Equality equality = Equality::kNone;
  std::string unknown_because;                      ///< kUnknown and kNotMeant, for people.
  std::uint64_t compared = 0;                       ///< Rows of the source.
  std::uint64_t lost = 0, changed = 0, ghosts = 0;  ///< Number of differing rows, with kDiffers.
  std::uint64_t repaired = 0;                       ///< Rows that differed and were repaired in this run.
  /// Keys of these rows, repaired ones included: the first kKeysShown of each kind, as KeyText().
  /// Only for callers that request them; neither a log nor the record of the last run has them.
  std::vector<std::string> lost_keys, changed_keys, ghost_keys;
};

std::string_view ToString(TableReport::Action action);
std::string_view ToString(TableReport::Equality equality);

enum class Outcome {
  kDone,            ///< Every table is up to date, or its report says why not.
  kBusy,            ///< Another cycle runs; nothing was sent.
  kDoNotReplicate,  ///< An operator paused the tenant on purpose; nothing was sent.
  kStopped,         ///< The mirror accepts nothing, without a pause by an operator; nothing was sent.
  kFailed,
};
std::string_view ToString(Outcome outcome);
/// Absent: `word` is not a result of ToString().
std::optional<Outcome> ParseOutcome(std::string_view word);

struct CycleReport {
  Outcome outcome = Outcome::kFailed;
  absl::Status status;             ///< Not OK with kFailed: the error that ended the run.
  std::string reason;              ///< For people: who is busy, or why not to replicate.
  std::vector<std::string> notes;  ///< Notes for people; mostly none.
  std::int64_t cycle = 0;
  bool tables_held = false;  ///< Tables that are no longer announced wait for the mirror's operator.
  std::vector<TableReport> tables;
  std::optional<LogFigures> log = {};  ///< Set if the source's log was read.
  /// By the source's name: tables that its log cannot log, and why. They were compared with their last state.
  std::map<std::string, std::string> unlogged = {};
  bool delivers = false;  ///< The endpoint belongs to a hub that may have deliveries for the source.
  std::optional<ExchangeFigures> exchange = {};  ///< Set if the source accepts deliveries.
  /// Set if the last cycle was completed with the times of the tables, nothing is held, and the endpoint
  /// takes heartbeats.
  std::optional<HeartbeatTerms> heartbeat = {};
  bool pushes = true;  ///< False: the run only imported, and nothing changed: it began no cycle.

  /// Whether an operator paused the tenant; or the run is done, and no table is refused, held or failed.
  bool Good() const;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_CYCLE_REPORT_H_
