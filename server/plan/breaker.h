#ifndef MIRROR_SERVER_PLAN_BREAKER_H_
#define MIRROR_SERVER_PLAN_BREAKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"

// The breaker: holds a loss of rows by the source's mistake until an operator decides. It counts deletes and
// rows that a population leaves out, but no updates and inserts. Pure.

namespace mirror {

/// The limits for one table of one tenant.
struct BreakerLimits {
  bool on = true;
  std::int64_t rows_percent = 50;  ///< More than this part of a table's rows is held.
  std::int64_t rows_min = 1'000;   ///< Tables of so few rows, or so few in all, are not held.
  std::int64_t tables_percent = 20, tables_min = 3;  ///< Tables lost at once: held if both are reached.
  std::int64_t window_ms = 86'400'000;               ///< Losses within this time are added up.
  friend bool operator==(const BreakerLimits&, const BreakerLimits&) = default;
};

/// A `[[tenant]]` block, or a `[[tenant.table]]` in it. Its values replace those of more general blocks.
struct BreakerRule {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  bool of_table = false;                   ///< It is a [[tenant.table]].
  std::optional<bool> on;
  std::optional<std::int64_t> rows_percent, rows_min, tables_percent, tables_min;
  friend bool operator==(const BreakerRule&, const BreakerRule&) = default;
};

struct BreakerConfig {
  BreakerLimits limits;
  std::vector<BreakerRule> rules;  ///< In the order of the file; the last one that fits counts.
  friend bool operator==(const BreakerConfig&, const BreakerConfig&) = default;
};

/// Returns the limits of a table; with an empty `table`, those of the announcement as a whole.
BreakerLimits LimitsOf(const BreakerConfig& config, const std::string& context_id, const std::string& table);

/// Whether a loss of rows is held for an operator.
struct Judgement {
  bool held = false;
  std::uint64_t rows = 0;         ///< Rows lost by this plan and within the window.
  std::uint64_t rows_before = 0;  ///< The table's highest number of rows in the window.
  std::uint64_t gone = 0;         ///< Those of `rows` that earlier cycles lost.
  std::optional<Hold> hold = {};  ///< To be written; absent: it stays unchanged, or there is none.
  std::string reason = {};        ///< For people; set if it is held.
};

/// Decides whether `vanish` rows of a table, which has `rows` now, may be lost now. `losses`: the table's;
/// `hold`: the one of this kind, if there is one; `keys`: Hold::keys of those rows.
Judgement JudgeRows(const BreakerLimits& limits, HoldKind kind, const std::string& table, std::int64_t vanish,
                    std::int64_t rows, const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold,
                    std::vector<std::string> keys = {});

/// Returns how many rows a population may leave out, or deletes may remove since the last commit;
/// absent: any number.
std::optional<std::int64_t> MayLose(const BreakerLimits& limits, HoldKind kind, std::int64_t rows,
                                    const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold);

/// Decides whether these tables may go. `gone`: their records, `all`: the records of all tables.
Judgement JudgeTables(const BreakerLimits& limits, const std::vector<TableRecord>& gone,
                      const std::vector<TableRecord>& all, std::int64_t now_ms, const Hold* hold);

/// Returns the hold of this kind on this table; null: there is none.
const Hold* FindHold(const std::vector<Hold>& holds, HoldKind kind, const std::string& table);

/// Returns whether the table has a hold that waits for an operator.
bool IsHeld(const std::vector<Hold>& holds, const std::string& table);
/// Returns whether the table has a hold that waits, or that an operator refused.
bool IsKeptBack(const std::vector<Hold>& holds, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_BREAKER_H_
