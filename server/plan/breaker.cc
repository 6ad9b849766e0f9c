#include "server/plan/breaker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/name_pattern.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr char kWhatNow[] =
    "Nothing of it was applied. An operator decides ('mirrorctl hold list'). If this is a mistake at the "
    "source, correct it there: the next cycle is then applied.";
constexpr char kRefused[] =
    "An operator refused it. Nothing of it was applied, and nothing will be, unless an operator allows it "
    "later ('mirrorctl hold commit'). Correct the source: its next cycle is then applied.";

/// The losses and the number of rows before the present plan.
struct Window {
  std::int64_t gone = 0;    ///< Lost in committed cycles.
  std::int64_t open = 0;    ///< Lost since the last commit: the present plan begins there and includes them.
  std::int64_t before = 0;  ///< The highest number of rows.
};

Window WindowOf(const BreakerLimits& limits, std::int64_t rows, const std::vector<Loss>& losses,
                std::int64_t now_ms) {
  Window window;
  for (const Loss& loss : losses) {
    if (!loss.committed) window.open += loss.rows;
  }
  window.before = rows + window.open;
  for (const Loss& loss : losses) {
    if (!loss.committed || loss.at_ms < now_ms - limits.window_ms) continue;
    window.gone += loss.rows;
    window.before = std::max(window.before, loss.rows_before);
  }
  return window;
}

/// Returns how many rows an operator has allowed to go: the held number and a tenth more.
std::int64_t Allowed(const Hold* hold) {
  if (hold == nullptr || hold->state != HoldState::kCommit) return 0;
  return static_cast<std::int64_t>(hold->rows + hold->rows / 10);
}

std::string Counts(std::int64_t rows, std::int64_t before) {
  return absl::StrCat(Grouped(static_cast<std::uint64_t>(rows)), " of ",
                      Counted(static_cast<std::uint64_t>(before), "row"));
}

/// Returns whether an operator has refused that many.
bool IsRefused(const Hold& next, const Hold* known) {
  if (known == nullptr || known->state != HoldState::kRollback) return false;
  // A refusal of deletes of all rows covers any number: a late message gives no smaller one.
  const bool of_all = next.kind == HoldKind::kDeletes && known->rows >= known->rows_before;
  return of_all || next.rows >= known->rows;
}

/// Returns the new state of a hold; absent: it does not change.
std::optional<Hold> Renewed(Hold next, const Hold* known) {
  if (known == nullptr) return next;
  next.since_ms = known->since_ms;
  if (IsRefused(next, known)) return std::nullopt;
  next.id = known->id;
  if (next == *known) return std::nullopt;
  return next;
}

bool IsAbout(const Hold& hold, const std::string& table) {
  if (hold.kind == HoldKind::kSource || SameName(hold.table, table)) return true;
  return std::any_of(hold.tables.begin(), hold.tables.end(),
                     [&](const std::string& name) { return SameName(name, table); });
}

}  // namespace

BreakerLimits LimitsOf(const BreakerConfig& config, const std::string& context_id, const std::string& table) {
  BreakerLimits limits = config.limits;
  for (const BreakerRule& rule : config.rules) {
    if (!MatchesExactly(context_id, rule.context)) continue;
    if (rule.of_table && (table.empty() || !MatchesPattern(table, rule.table))) continue;
    if (rule.on) limits.on = *rule.on;
    if (rule.rows_percent) limits.rows_percent = *rule.rows_percent;
    if (rule.rows_min) limits.rows_min = *rule.rows_min;
    if (rule.tables_percent) limits.tables_percent = *rule.tables_percent;
    if (rule.tables_min) limits.tables_min = *rule.tables_min;
  }
  return limits;
}

Judgement JudgeRows(const BreakerLimits& limits, HoldKind kind, const std::string& table, std::int64_t vanish,
                    std::int64_t rows, const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold,
                    std::vector<std::string> keys) {
  Judgement judgement;
  if (!limits.on || vanish <= 0 || rows < 0) return judgement;
  const Window window = WindowOf(limits, rows, losses, now_ms);
  const bool population = kind == HoldKind::kPopulation;
  // A plan of deletes includes those of `open`; what a population leaves out is added to them.
  const std::int64_t total =
      window.gone + (population ? vanish + window.open : std::max(vanish, window.open));
  judgement.rows = static_cast<std::uint64_t>(total);
  judgement.rows_before = static_cast<std::uint64_t>(window.before);
  judgement.gone = static_cast<std::uint64_t>(window.gone);
  if (window.before <= limits.rows_min || total <= window.before * limits.rows_percent / 100)
    return judgement;
  if (total <= Allowed(hold)) return judgement;
  Hold next{.kind = kind, .table = table, .rows = judgement.rows, .rows_before = judgement.rows_before};
  judgement.held = true;
  judgement.reason = absl::StrCat(
      "table '", table, "' is held: ", Counts(total - window.gone, window.before),
      population ? " would be missing after the population" : " would be deleted",
      window.gone > 0 ? absl::StrCat(", and ", window.gone, " were lost in the last ",
                                     limits.window_ms / 3'600'000, " h already")
                      : std::string(),
      "; the limit is ", limits.rows_percent, " %. ", IsRefused(next, hold) ? kRefused : kWhatNow);
  next.since_ms = now_ms;
  next.reason = judgement.reason;
  next.keys = std::move(keys);
  judgement.hold = Renewed(std::move(next), hold);
  return judgement;
}

std::optional<std::int64_t> MayLose(const BreakerLimits& limits, HoldKind kind, std::int64_t rows,
                                    const std::vector<Loss>& losses, std::int64_t now_ms, const Hold* hold) {
  if (!limits.on || rows < 0) return std::nullopt;
  const Window window = WindowOf(limits, rows, losses, now_ms);
  if (window.before <= limits.rows_min) return std::nullopt;
  const std::int64_t most = std::max(window.before * limits.rows_percent / 100, Allowed(hold));
  const std::int64_t open = kind == HoldKind::kPopulation ? window.open : 0;
  return std::max<std::int64_t>(0, most - window.gone - open);
}

Judgement JudgeTables(const BreakerLimits& limits, const std::vector<TableRecord>& gone,
                      const std::vector<TableRecord>& all, std::int64_t now_ms, const Hold* hold) {
  Judgement judgement;
  if (!limits.on || gone.empty()) return judgement;
  std::int64_t rows_gone = 0, rows = 0;
  for (const TableRecord& record : gone) rows_gone += std::max<std::int64_t>(0, record.row_count);
  for (const TableRecord& record : all) rows += std::max<std::int64_t>(0, record.row_count);
  judgement.rows = static_cast<std::uint64_t>(rows_gone);
  judgement.rows_before = static_cast<std::uint64_t>(rows);
  const auto tables_gone = static_cast<std::int64_t>(gone.size());
  const bool many = tables_gone >= limits.tables_min &&
                    tables_gone * 100 >= static_cast<std::int64_t>(all.size()) * limits.tables_percent;
  const bool large = rows_gone * 2 > rows;
  if (rows <= limits.rows_min || (!many && !large)) return judgement;
  Hold next{.kind = HoldKind::kTables, .rows = judgement.rows, .rows_before = judgement.rows_before};
  for (const TableRecord& record : gone) next.tables.push_back(record.table);
  if (hold != nullptr && hold->state == HoldState::kCommit && rows_gone <= Allowed(hold)) {
    const bool same = std::all_of(next.tables.begin(), next.tables.end(), [&](const std::string& table) {
      return std::any_of(hold->tables.begin(), hold->tables.end(),
                         [&](const std::string& known) { return SameName(known, table); });
    });
    if (same) return judgement;
  }
  judgement.held = true;
  judgement.reason = absl::StrCat(
      Counted(gone.size(), "table"), " of ", Grouped(all.size()), " with ", Counts(rows_gone, rows),
      " are no longer announced (", ListNames(next.tables, 5), ") and are held: they stay as they are. ",
      IsRefused(next, hold)
          ? "An operator refused to drop them, and may still allow it ('mirrorctl hold commit')"
          : "An operator decides ('mirrorctl hold list')",
      "; if 'include', 'skip' or the database is wrong at the source, correct it there.");
  next.since_ms = now_ms;
  next.reason = judgement.reason;
  judgement.hold = Renewed(std::move(next), hold);
  return judgement;
}

const Hold* FindHold(const std::vector<Hold>& holds, HoldKind kind, const std::string& table) {
  const auto found = std::find_if(holds.begin(), holds.end(), [&](const Hold& hold) {
    return hold.kind == kind && SameName(hold.table, table);
  });
  return found == holds.end() ? nullptr : &*found;
}

bool IsHeld(const std::vector<Hold>& holds, const std::string& table) {
  return std::any_of(holds.begin(), holds.end(), [&](const Hold& hold) {
    return hold.state == HoldState::kWaiting && IsAbout(hold, table);
  });
}

bool IsKeptBack(const std::vector<Hold>& holds, const std::string& table) {
  return std::any_of(holds.begin(), holds.end(), [&](const Hold& hold) {
    return hold.state != HoldState::kCommit && IsAbout(hold, table);
  });
}

}  // namespace mirror
