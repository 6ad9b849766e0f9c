#include "server/store/sqlite/file/sqlite_waiting.h"

#include <algorithm>
#include <utility>

#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/plan/announce_plan.h"
#include "server/plan/freshness_plan.h"
#include "server/store/sqlite/file/sqlite_cycle_notes.h"
#include "server/store/sqlite/file/sqlite_tenant.h"
#include "server/store/sqlite/file/sqlite_times.h"

namespace mirror {
namespace {

/// Returns `tenant` with those values of `passing` that may wait in memory.
TenantRecord WithPassing(TenantRecord tenant, const TenantRecord& passing) {
  tenant.cycle = passing.cycle;
  tenant.active = passing.active;
  tenant.holder = passing.holder;
  tenant.since_ms = passing.since_ms;
  tenant.progress_ms = passing.progress_ms;
  tenant.completed_cycle = passing.completed_cycle;
  tenant.completed_ms = passing.completed_ms;
  tenant.clock_ms = passing.clock_ms;
  tenant.announced = passing.announced;
  tenant.touched = passing.touched;
  return tenant;
}

bool IsBehindBy(std::int64_t stored_ms, std::int64_t now_ms, std::int64_t less_than_ms) {
  return now_ms >= stored_ms && now_ms - stored_ms < less_than_ms;
}

/// Returns whether each time in the file equals the time in `next`, or is older by less than a reader may
/// notice.
bool IsBehind(const Freshness& stored, const Freshness& next) {
  const std::int64_t less_than_ms = TimesBehindMax(stored.targets);
  const auto is_behind = [less_than_ms](std::optional<std::int64_t> before, std::optional<std::int64_t> now) {
    return before && now ? IsBehindBy(*before, *now, less_than_ms) : before == now;
  };
  const auto are_behind = [&](const auto& tables) {
    return std::ranges::all_of(tables, [&](const auto& table) {
      return is_behind(TimeOf(stored, table.first), TimeOf(next, table.first));
    });
  };
  return is_behind(stored.all_ms, next.all_ms) && are_behind(stored.tables) && are_behind(next.tables);
}

/// Returns the answers that are kept after their cycle: until such a table is accepted again, its rows follow
/// older rules.
std::vector<SchemaAnswer> RefusedOf(std::vector<SchemaAnswer> answers) {
  std::erase_if(
      answers, [](const SchemaAnswer& answer) { return IsWanted(static_cast<SchemaAction>(answer.action)); });
  return answers;
}

}  // namespace

TenantRecord SqliteWaiting::Show(TenantRecord stored) {
  stored_ = stored;
  if (is_written_) return stored;
  if (!next_ && kept_.tenant && WithPassing(*waits_on_, stored) != *waits_on_) {
    kept_ = {};
    waits_on_.reset();
  }
  return rows().tenant ? WithPassing(std::move(stored), *rows().tenant) : stored;
}

void SqliteWaiting::Show(Freshness* stored) const {
  if (is_written_ || !rows().times) return;
  stored->all_ms = rows().times->all_ms;
  stored->tables = rows().times->tables;
}

const std::vector<SchemaAnswer>* SqliteWaiting::answers() const {
  return is_written_ || !rows().answers ? nullptr : &*rows().answers;
}

const std::vector<CycleNote>* SqliteWaiting::notes() const {
  return is_written_ || !rows().tenant ? nullptr : &rows().notes;
}

bool SqliteWaiting::Begin() {
  if (stored_.active) return false;
  next_ = kept_;
  return true;
}

void SqliteWaiting::ForgetNonces(std::int64_t before_ms) {
  // The last value is used and not the greatest, because an operator may have said that the clock was ahead.
  forget_before_ms_ = before_ms;
  std::erase_if(nonces_, [&](const auto& nonce) { return nonce.second < before_ms; });
}

absl::StatusOr<TenantVerbs::NonceCount> SqliteWaiting::CountNonces(SqliteConnection& connection,
                                                                   const std::string& value) const {
  absl::StatusOr<TenantVerbs::NonceCount> count =
      ::mirror::CountNonces(connection, value, next_ ? forget_before_ms_ : 0);
  if (!count.ok() || is_written_) return count;
  count->all += nonces_.size();
  count->has_this = count->has_this || nonces_.contains(value);
  return count;
}

absl::Status SqliteWaiting::TakeAnswers(SqliteConnection& connection,
                                        const std::vector<SchemaAnswer>& answers) {
  ASSIGN_OR_RETURN(const std::vector<SchemaAnswer> stored, SelectAnswers(connection));
  std::vector<SchemaAnswer> next = AsSelected(answers);
  must_write_ = must_write_ || RefusedOf(next) != RefusedOf(stored);
  next_->answers.reset();
  if (next != stored) next_->answers = std::move(next);
  return absl::OkStatus();
}

void SqliteWaiting::TakeNotes(const CycleNoteChanges& changes) {
  std::vector<CycleNote>& notes = next_->notes;
  const auto forget = [&](const CycleNote& note) {
    std::erase_if(notes, [&](const CycleNote& one) {
      return one.kind == note.kind && SameName(one.table, note.table);
    });
  };
  if (changes.forget_all) notes.clear();
  for (const CycleNote& note : changes.forgotten) forget(note);
  for (const CycleNote& note : changes.written) {
    forget(note);
    notes.push_back(note);
  }
}

void SqliteWaiting::ForgetNotes(std::int64_t cycle) {
  if (next_->tenant && next_->tenant->cycle != cycle) next_->notes.clear();
}

absl::Status SqliteWaiting::TakeTimes(SqliteConnection& connection, const Freshness& next) {
  ASSIGN_OR_RETURN(const Freshness stored, SelectFreshness(connection));
  if (IsBehind(stored, next)) {
    next_->times = next;
    return absl::OkStatus();
  }
  must_write_ = true;
  next_->times.reset();
  return WriteTimes(connection, stored, next);
}

bool SqliteWaiting::MayWait() const {
  if (must_write_) return false;
  if (!next_->tenant) return true;
  return WithPassing(stored_, *next_->tenant) == *next_->tenant &&
         IsBehindBy(stored_.completed_ms, next_->tenant->completed_ms, kTimesBehindMaxMs);
}

void SqliteWaiting::Keep() {
  kept_ = *std::move(next_);
  if (kept_.tenant && !waits_on_) waits_on_ = stored_;
  for (const Nonce& nonce : added_) nonces_[nonce.value] = nonce.expires_ms;
  Drop();
}

absl::Status SqliteWaiting::Write(SqliteConnection& connection) {
  if (is_written_) return absl::OkStatus();
  const Rows& rows = this->rows();
  if (rows.tenant) {
    const TenantRecord next = next_ ? *rows.tenant : WithPassing(stored_, *rows.tenant);
    absl::Status status = next == stored_ ? absl::OkStatus() : UpdateTenant(connection, next);
    if (status.ok()) status = ForgetCycleNotes(connection, next.cycle);
    if (status.ok()) status = WriteCycleNotes(connection, next.cycle, {.written = rows.notes});
    if (status.ok() && rows.answers) status = WriteAnswers(connection, *rows.answers);
    if (!status.ok()) return status;
    if (rows.times) {
      ASSIGN_OR_RETURN(const Freshness stored, SelectFreshness(connection));
      RETURN_IF_ERROR(WriteTimes(connection, stored, *rows.times));
    }
  }
  RETURN_IF_ERROR(::mirror::ForgetNonces(connection, forget_before_ms_));
  for (const auto& [value, expires_ms] : nonces_) {
    RETURN_IF_ERROR(InsertNonce(connection, {.value = value, .expires_ms = expires_ms}));
  }
  for (const Nonce& nonce : added_) {
    RETURN_IF_ERROR(InsertNonce(connection, nonce));
  }
  is_written_ = true;
  return absl::OkStatus();
}

void SqliteWaiting::Written() {
  if (is_written_) {
    kept_ = {};
    nonces_.clear();
    waits_on_.reset();
  }
  Drop();
}

void SqliteWaiting::Drop() {
  next_.reset();
  added_.clear();
  must_write_ = false;
  is_written_ = false;
}

}  // namespace mirror
