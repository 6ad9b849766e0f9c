// What a tenant says about its tables being equal to their source: the readings for DigestRanges and
// ReadRows, and the end of a cycle, where the source says what it found.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/tenant/tenant.h"

namespace mirror {
namespace {

std::string Quoted(const std::string& table) { return absl::StrCat("table '", table, "'"); }

std::string Counted(std::size_t count, const std::string& thing) {
  return absl::StrCat(count, " ", thing, count == 1 ? "" : "s");
}

/// A cycle that died or ended meanwhile is found out by the next call.
const GoOn kToTheEnd = [] { return true; };

}  // namespace

absl::StatusOr<TableReading> Tenant::Read(const Caller& caller, std::int64_t cycle, const std::string& table,
                                          const Position& position, std::int64_t now_ms) {
  TableReading reading;
  if (readings_->fetch_add(1) >= kReadingsMax) {
    readings_->fetch_sub(1);
    return absl::ResourceExhaustedError(
        absl::StrCat("tenant '", context_id_, "' has ", kReadingsMax,
                     " readings under way already. Nothing was read; try again when one has ended."));
  }
  reading.place = std::shared_ptr<void>(nullptr, [counter = readings_](void*) { counter->fetch_sub(1); });
  absl::StatusOr<AgreedTable> agreed = Agreed(caller, table);
  const MutexLock lock(mutex_);
  absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms);
  if (!running.ok()) return running.status();
  if (absl::Status status = LoadRefused(); !status.ok()) return Noticed(status);
  if (agreed.ok() && (running->announced.empty() || refused_tables_->contains(FoldName(table)))) {
    agreed = NotAgreed(table);
  }
  if (!agreed.ok()) return agreed.status();
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = store_->OpenSnapshot();
  if (!snapshot.ok()) return Noticed(snapshot.status());
  absl::StatusOr<std::optional<TableRecord>> record = (*snapshot)->ReadTable(table);
  if (!record.ok()) return Noticed(record.status());
  const bool there = *record && (*record)->position == position && !(*record)->pending &&
                     (*record)->state == TableState::kMirrored && position.lsn != Lsn{} &&
                     (*record)->schema_hash == agreed->hash;
  if (!there) {
    return absl::FailedPreconditionError(absl::StrCat(
        Quoted(table),
        " does not stand at the position that was asked for, or rows of a later one are in it. Nothing was "
        "read. Bring it there with a commit, and ask in the same cycle."));
  }
  TellPartnerRows(cycle, table,
                  "A repair of the source's ('verify --repair', or a comparison that differs), or the next "
                  "population, takes");
  reading.snapshot = *std::move(snapshot);
  reading.table = *std::move(agreed);
  return reading;
}

void Tenant::ReadOn(std::int64_t cycle, std::int64_t came_ms, SteadyTime began) {
  const MutexLock lock(mutex_);
  // A reading of a cycle that is over says nothing of the one that runs.
  if (cycle == progressed_cycle_) Progressed(cycle, came_ms, began);
}

void Tenant::NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                         const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer) {
  const MutexLock lock(mutex_);
  if (cycle < digested_cycle_) return;
  if (cycle > digested_cycle_) digested_.clear();
  digested_cycle_ = cycle;
  digested_[FoldName(table)].Add(position, ranges, answer);
}

absl::StatusOr<std::vector<TableVerdict>> Tenant::Complete(const Caller& caller, std::int64_t cycle,
                                                           const std::vector<CompletedTable>& tables,
                                                           std::int64_t now_ms,
                                                           std::optional<AllAsOf> as_of) {
  // A source whose clock is ahead must not be fresh tomorrow.
  if (as_of) as_of->source_ms = std::min(as_of->source_ms, now_ms);
  std::vector<TableVerdict> verdicts;
  {
    const MutexLock lock(mutex_);
    bool repeated = false, announced = false;
    const absl::StatusOr<TenantRecord> running = Running(caller, cycle, now_ms);
    if (!running.ok()) {
      // The answer to the first one may have been lost.
      if (!store_) return running.status();
      absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
      repeated = tenant.ok() && CheckOwner(caller, *tenant).ok() && tenant->completed_cycle == cycle;
      if (!repeated) return running.status();
    }
    if (absl::Status status = LoadNotes(); !status.ok()) return Noticed(status);
    announced = running.ok() && !running->announced.empty();
    // A cycle that announced nothing, or whose source is not the one that is believed, speaks of no table.
    if (!announced || IsNoted(CycleNoteKind::kOtherSource)) as_of.reset();
    if (as_of) {
      if (absl::Status status = AddStale(&*as_of); !status.ok()) return status;
    }
    std::vector<TableCheck> checks;
    std::size_t changed = 0;
    std::uint64_t inserts = 0, updates = 0, deletes = 0;
    for (const CompletedTable& table : tables) {
      // One that was only compared did not change.
      if (!table.rows_differ || table.inserts + table.updates + table.deletes > 0) ++changed;
      inserts += table.inserts;
      updates += table.updates;
      deletes += table.deletes;
      absl::StatusOr<std::optional<TableRecord>> record = store_->ReadTable(table.table);
      if (!record.ok()) return Noticed(record.status());
      std::optional<RangeDigest> own;
      const auto digested = digested_.find(FoldName(table.table));
      if (*record && cycle == digested_cycle_ && digested != digested_.end()) {
        own = digested->second.Whole((*record)->position);
      }
      Compared compared = Compare(table, *record, own, now_ms);
      if (compared.check) checks.push_back(*std::move(compared.check));
      verdicts.push_back(std::move(compared.verdict));
    }
    if (!repeated) {
      if (absl::Status status = LoadHolds(); !status.ok()) return status;
      const std::string refused = RefusalsOf(cycle);
      std::string paused;
      bool first = false;
      CycleEnd end;
      end.change = [&](TenantRecord& tenant) MIRROR_REQUIRES(mutex_) {
        CountMiss(cycle, now_ms, tenant);
        paused = tenant.paused ? tenant.pause_reason : "";
        first = tenant.completed_ms == 0;
        tenant.completed_cycle = cycle;
        // One that announced nothing went nowhere.
        if (announced) tenant.completed_ms = now_ms;
      };
      end.as_of = as_of;
      end.hooks = CompletedNotes(cycle, now_ms, tables);
      if (absl::Status status = NoteChecks(checks, &end.checks); !status.ok()) return status;
      if (absl::Status status = EndCycleLocked(now_ms, end); !status.ok()) return status;
      for (const TableVerdict& verdict : verdicts) AddCheckEvent(verdict);
      if (!paused.empty()) {
        events_.Add(
            context_id_, Severity::kError, "tenant.paused",
            absl::StrCat("the tenant was paused: ", paused,
                         ". Find the second one and stop it, then 'mirrorctl resume ", context_id_, "'"));
      }
      const std::string counts = absl::StrCat(Counted(changed, "table"), " changed, ", inserts, " inserts, ",
                                              updates, " updates, ", deletes, " deletes");
      if (!refused.empty()) {
        TellCycleFailed(cycle, refused, absl::StrCat("The other tables: ", counts, "."));
      } else if (!announced) {
        const bool refused_here = unannounced_cycle_ == cycle;
        TellCycleFailed(cycle,
                        absl::StrCat("its source ended it without having announced its tables",
                                     refused_here ? ": TableSchema was refused: " : "",
                                     refused_here ? unannounced_why_ : ""),
                        refused_here ? "Until that is mended, no cycle gets further."
                                     : "TableSchema was refused, or the source could not go on; its agent "
                                       "says why.");
      } else if (ForgetFailure() || inserts + updates + deletes > 0 || first) {
        // One that changed nothing behind a good one is no news: the time of the last one is known anyway.
        events_.Add(context_id_, Severity::kInformation, "cycle.completed",
                    absl::StrCat("cycle ", cycle, ": ", counts));
      }
      ScrubFile(now_ms);
      FollowIndexes(now_ms);
    }
  }
  if (absl::Status status = CompareLater(tables, now_ms, &verdicts); !status.ok()) return status;
  const MutexLock lock(mutex_);
  if (store_) store_->Rest();
  // When all were in use as they were opened, this is when there is something to close.
  make_room_(*this);
  return verdicts;
}

/// Tables whose source gives a digest without having asked for ranges: all of their rows are read now, when
/// the cycle is over and nobody waits for the tenant's lock.
absl::Status Tenant::CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                                  std::vector<TableVerdict>* verdicts) {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (!tables[i].digest || (*verdicts)[i].comparison != Comparison::kUnchecked) continue;
    std::unique_ptr<Snapshot> snapshot;
    {
      const MutexLock lock(mutex_);
      if (!store_) return absl::OkStatus();
      absl::StatusOr<std::unique_ptr<Snapshot>> opened = store_->OpenSnapshot();
      if (!opened.ok()) return Noticed(opened.status());
      snapshot = *std::move(opened);
    }
    const absl::StatusOr<std::optional<TableRecord>> record = snapshot->ReadTable(tables[i].table);
    if (!record.ok()) return record.status();
    const absl::StatusOr<std::optional<TableSchema>> schema = snapshot->ReadSchema(tables[i].table);
    if (!schema.ok()) return schema.status();
    if (!*record || !*schema) continue;
    const TableSchema kept = KeptForm(**schema);
    const absl::StatusOr<std::vector<RangeDigest>> own =
        snapshot->Digest(kept, PlainColumns(kept), {}, kToTheEnd);
    if (!own.ok()) return own.status();
    snapshot.reset();
    Compared compared = Compare(tables[i], *record, own->front(), now_ms);
    (*verdicts)[i] = compared.verdict;
    if (!compared.check) continue;
    // The next cycle may have changed rows since they were counted.
    compared.check->row_count.reset();
    const MutexLock lock(mutex_);
    if (!store_) return absl::OkStatus();
    Plan plan;
    plan.now_ms = now_ms;
    if (absl::Status status = NoteChecks({*compared.check}, &plan.checks); !status.ok()) return status;
    const absl::StatusOr<CommitResult> result = store_->Commit(plan);
    if (!result.ok()) return Noticed(result.status());
    AddCheckEvent(compared.verdict);
    Summarize(Look::kAll);
  }
  return absl::OkStatus();
}

/// What of `checks` is to be written in place of what is known. One by digests is what an operator asked for.
absl::Status Tenant::NoteChecks(const std::vector<TableCheck>& checks, std::vector<TableCheck>* written) {
  if (checks.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<TableCheck>> known = store_->ReadChecks();
  if (!known.ok()) return Noticed(known.status());
  for (const TableCheck& check : checks) {
    const auto found = std::find_if(known->begin(), known->end(),
                                    [&](const TableCheck& one) { return SameName(one.table, check.table); });
    if (found != known->end() && !Supersedes(check, *found)) continue;
    written->push_back(check);
    if (found == known->end() || !found->wanted) continue;
    written->back().wanted = check.equality == Equality::kCountEqual;
  }
  return absl::OkStatus();
}

void Tenant::AddCheckEvent(const TableVerdict& verdict) {
  if (verdict.comparison != Comparison::kDiffers) return;
  events_.Add(context_id_, Severity::kError, "table.differs",
              absl::StrCat(Quoted(verdict.table), ": ", verdict.reason));
}

absl::StatusOr<std::vector<std::string>> Tenant::AskToVerify(const std::vector<std::string>& tables,
                                                             std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(now_ms); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> names = Existing(tables);
  if (!names.ok()) return names.status();
  absl::StatusOr<std::vector<TableCheck>> known = store_->ReadChecks();
  if (!known.ok()) return Noticed(known.status());
  Plan plan;
  plan.now_ms = now_ms;
  for (const std::string& name : *names) {
    TableCheck check{.table = name};
    const auto found = std::find_if(known->begin(), known->end(),
                                    [&](const TableCheck& one) { return SameName(one.table, name); });
    if (found != known->end()) check = *found;
    check.wanted = true;
    plan.checks.push_back(std::move(check));
  }
  const absl::StatusOr<CommitResult> result = store_->Commit(plan);
  if (!result.ok()) return Noticed(result.status());
  events_.Add(context_id_, Severity::kInformation, "verify.wanted",
              absl::StrCat("an operator asked for ", Counted(names->size(), "table"),
                           " to be compared with the source; its next cycle does it"));
  return names;
}

}  // namespace mirror
