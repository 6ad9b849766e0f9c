#ifndef MIRROR_SERVER_PLAN_BREAKER_H_
#define MIRROR_SERVER_PLAN_BREAKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"

// The breaker: rows that would vanish by mistake of the source are held until an operator decides. Deletes
// and rows that a population leaves out count; updates and inserts never do. Pure.

namespace mirror {

/// Of one table of one tenant.
struct BreakerLimits {
  bool on = true;
  std::int64_t rows_percent = 50;                    ///< More of a table's rows than this are held.
  std::int64_t rows_min = 1'000;                     ///< Tables of so many rows or fewer never are.
  std::int64_t tables_percent = 20, tables_min = 3;  ///< So many tables that go at once, both, are held.
  std::int64_t window_ms = 86'400'000;               ///< Losses within it count together.
  friend bool operator==(const BreakerLimits&, const BreakerLimits&) = default;
};

/// A `[[tenant]]` block, or a `[[tenant.table]]` in it. Its values replace those of more general blocks.
struct BreakerRule {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  bool of_table = false;                   ///< It stands in a [[tenant.table]].
  std::optional<bool> on;
  std::optional<std::int64_t> rows_percent, rows_min, tables_percent, tables_min;
  friend bool operator==(const BreakerRule&, const BreakerRule&) = default;
};

struct BreakerConfig {
  BreakerLimits limits;
  std::vector<BreakerRule> rules;  ///< In the order of the file; the last one that fits counts.
  friend bool operator==(const BreakerConfig&, const BreakerConfig&) = default;
};

/// The limits of a table; with an empty `table`, those of the announcement as a whole.
BreakerLimits LimitsOf(const BreakerConfig& config, const std::string& context_id, const std::string& table);

/// Whether a loss of rows is held for an operator.
struct Judgement {
  bool held = false;
  std::uint64_t rows = 0;         ///< Rows that would vanish, with the losses of the window.
  std::uint64_t rows_before = 0;  ///< The most that the table had in the window.
  std::uint64_t gone = 0;         ///< Of `rows`, those of cycles before.
  std::optional<Hold> hold = {};  ///< To be written; absent: it stands as it is, or there is none.
  std::string reason = {};        ///< For people; when it is held.
};

/// Whether `vanish` rows of a table, which has `rows` now, may go in `cycle`. `losses`: the table's; `hold`:
/// the one of this kind, if there is one; `keys`: Hold::keys of those rows.
Judgement JudgeRows(const BreakerLimits& limits, HoldKind kind, const std::string& table, std::int64_t vanish,
                    std::int64_t rows, const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold,
                    std::vector<std::string> keys = {});

/// How many rows a population may leave out, or how many may be deleted since the last commit; absent: any
/// number.
std::optional<std::int64_t> MayLose(const BreakerLimits& limits, HoldKind kind, std::int64_t rows,
                                    const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold);

/// Whether these tables may go. `gone`: their records, `all`: those of all tables.
Judgement JudgeTables(const BreakerLimits& limits, const std::vector<TableRecord>& gone,
                      const std::vector<TableRecord>& all, std::int64_t now_ms, const Hold* hold);

/// The hold of this kind on this table; null: there is none.
const Hold* FindHold(const std::vector<Hold>& holds, HoldKind kind, const std::string& table);

/// Whether what happens to this table waits for an operator.
bool IsHeld(const std::vector<Hold>& holds, const std::string& table);
/// Whether it waits for one, or one has refused it.
bool IsKeptBack(const std::vector<Hold>& holds, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_BREAKER_H_
