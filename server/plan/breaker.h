#ifndef MIRROR_SERVER_PLAN_BREAKER_H_
#define MIRROR_SERVER_PLAN_BREAKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"

// The breaker. If a source would lose many rows at once, perhaps by mistake, the breaker holds the loss until
// an operator decides. It counts deletes, and rows that a population leaves out. It does not count updates
// and inserts. Pure.

namespace mirror {

/// The limits for one table of one tenant.
struct BreakerLimits {
  bool on = true;
  std::int64_t rows_percent = 50;  ///< A loss above this percentage of a table's rows is held.
  std::int64_t rows_min = 1'000;   ///< Losses of a table, or of a mirror, with at most this number of rows
                                   ///< are not held.
  std::int64_t tables_percent = 20, tables_min = 3;  ///< A loss of tables is held if it reaches both. One of
                                                     ///< over half of all rows is held, too.
  std::int64_t window_ms = 86'400'000;               ///< Losses within this time are added up.
  friend bool operator==(const BreakerLimits&, const BreakerLimits&) = default;
};

/// A `[[tenant]]` block, or a `[[tenant.table]]` in it. Its values replace those of earlier blocks that
/// match.
struct BreakerRule {
  std::string context = "*", table = "*";  ///< Patterns; '*' stands for any characters.
  bool of_table = false;                   ///< The block is a [[tenant.table]].
  std::optional<bool> on;
  std::optional<std::int64_t> rows_percent, rows_min, tables_percent, tables_min;
  friend bool operator==(const BreakerRule&, const BreakerRule&) = default;
};

struct BreakerConfig {
  BreakerLimits limits;
  std::vector<BreakerRule> rules;  ///< In the order of the file; later rules override earlier ones.
  friend bool operator==(const BreakerConfig&, const BreakerConfig&) = default;
};

/// Returns the limits of a table. With an empty `table`: the limits of an announcement as a whole.
BreakerLimits LimitsOf(const BreakerConfig& config, const std::string& context_id, const std::string& table);

/// The decision whether a loss of rows is held for an operator.
struct Judgement {
  bool held = false;
  std::uint64_t rows = 0;         ///< Rows lost by this plan and within the window.
  std::uint64_t rows_before = 0;  ///< The table's highest number of rows in the window.
  std::uint64_t gone = 0;         ///< The part of `rows` that earlier cycles of the window lost.
  std::optional<Hold> hold = {};  ///< The hold to write; absent: an existing hold stays unchanged.
  std::string reason = {};        ///< Text for people; set if `held`.
};

/// Decides whether a table with `rows` rows may now lose `vanish` of them. `losses`: the table's. `hold`: the
/// table's hold of this kind; null: there is none. `keys`: Hold::keys of the rows that would be lost.
Judgement JudgeRows(const BreakerLimits& limits, HoldKind kind, const std::string& table, std::int64_t vanish,
                    std::int64_t rows, const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold,
                    std::vector<std::string> keys = {});

/// Returns how many rows a population may leave out, or how many deletes may remove since the last commit.
/// Absent: any number.
std::optional<std::int64_t> MayLose(const BreakerLimits& limits, HoldKind kind, std::int64_t rows,
                                    const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold);

/// Decides whether the tables `gone` may be dropped. `gone`: their records, `all`: the records of all tables.
Judgement JudgeTables(const BreakerLimits& limits, const std::vector<TableRecord>& gone,
                      const std::vector<TableRecord>& all, std::int64_t now_ms, const Hold* hold);

/// Returns the hold of this kind on this table; null: there is none.
const Hold* FindHold(const std::vector<Hold>& holds, HoldKind kind, const std::string& table);

/// Returns whether the table has a hold that waits for an operator.
bool IsHeld(const std::vector<Hold>& holds, const std::string& table);
/// Returns whether the table has a hold that an operator did not decide yet, or refused.
bool IsKeptBack(const std::vector<Hold>& holds, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_BREAKER_H_
