#include "server/tenant/dry_run.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/plan/move_mark.h"
#include "server/store/count_mirror.h"
#include "server/store/dropped_columns.h"
#include "server/store/others_objects.h"
#include "server/tenant/records_planner.h"

namespace mirror {
namespace {

using Count = std::function<absl::StatusOr<Consequences>(const CountedMirror&)>;

absl::StatusOr<Consequences> CountIn(Snapshot& snapshot, const DryRun& how, const Count& count) {
  ASSIGN_OR_RETURN(const MirrorContents contents, snapshot.ReadContents());
  return count({snapshot, contents, how.with_keys, how.go_on});
}

/// Takes the copy, with the checks of RestoreMirror().
absl::StatusOr<std::unique_ptr<MirrorCopy>> TakeCopy(Tenants& tenants, const std::string& context_id,
                                                     const std::string& path) {
  RETURN_IF_ERROR(CheckContextId(context_id));
  RETURN_IF_ERROR(tenants.home().CheckCopyIn(path));
  ASSIGN_OR_RETURN(std::unique_ptr<MirrorCopy> copy, tenants.home().NewCopy(context_id));
  RETURN_IF_ERROR(copy->CopyOf(path));
  return copy;
}

}  // namespace

absl::StatusOr<Consequences> WouldInvalidate(Tenant& tenant, const std::vector<std::string>& tables,
                                             std::int64_t now_ms, const DryRun& how) {
  LookedAct looked;
  RETURN_IF_ERROR(tenant.Invalidate(tables, now_ms, {.look = &looked}).status());
  return CountIn(*looked.snapshot, how,
                 [&](const CountedMirror& mirror) { return CountInvalidated(mirror, looked.act); });
}

absl::StatusOr<Consequences> WouldReset(Tenant& tenant, const std::vector<std::string>& tables,
                                        std::int64_t now_ms, const DryRun& how) {
  LookedAct looked;
  RETURN_IF_ERROR(tenant.Reset(tables, now_ms, {.look = &looked}).status());
  const bool kept = tables.empty();
  return CountIn(*looked.snapshot, how,
                 [&](const CountedMirror& mirror) { return CountReset(mirror, looked.act, kept); });
}

absl::StatusOr<Consequences> WouldDelete(Tenant& tenant, const DryRun& how) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, tenant.OpenSnapshot());
  return CountIn(*snapshot, how,
                 [](const CountedMirror& mirror) { return CountDeleted(mirror, {.call = "DeleteMirror"}); });
}

absl::StatusOr<Consequences> WouldAcceptSource(Tenant& tenant, std::int64_t now_ms, const DryRun& how) {
  LookedAct looked;
  RETURN_IF_ERROR(tenant.AcceptSource(now_ms, {.look = &looked}).status());
  return CountIn(*looked.snapshot, how,
                 [&](const CountedMirror& mirror) { return CountAccepted(mirror, looked.act); });
}

absl::StatusOr<Consequences> WouldErase(Tenant& tenant, const AskedErasure& asked, std::int64_t now_ms,
                                        const DryRun& how) {
  LookedAct looked;
  RETURN_IF_ERROR(tenant.EraseRow(asked, now_ms, {.look = &looked}).status());
  const MeantRow& row = *looked.row;
  ASSIGN_OR_RETURN(const KeptOfRow kept, CountKeptOfRow(*looked.snapshot, row));
  return CountIn(*looked.snapshot, how, [&](const CountedMirror& mirror) {
    Consequences counted;
    counted.tables.push_back({.table = row.table, .versions = kept.versions, .entries = kept.entries});
    if (how.with_keys) counted.tables.back().keys = {asked.key};
    counted.notes.push_back("the mirror is rewritten then");
    if (const std::vector<std::string> aside = TablesSetAside(mirror.contents); !aside.empty()) {
      counted.notes.push_back(
          absl::StrCat("tables that were set aside are dropped, since they may have the "
                       "row: ",
                       absl::StrJoin(aside, ", ")));
    }
    if (kept.entries > 0) {
      counted.notes.push_back("programs that read the journal are told to compare the whole table");
    }
    counted.notes.push_back(
        "the row stays in backups, in copies that reset and restore kept beside the mirror, and in what "
        "partners' programs have read");
    counted.token = StateToken(ErasureAct(row, asked.key, kept, mirror.contents), StateOf(mirror.contents));
    return counted;
  });
}

absl::StatusOr<Consequences> WouldCommitHold(Tenant& tenant, std::uint64_t hold_id, std::int64_t now_ms,
                                             const DryRun& how) {
  LookedAct looked;
  RETURN_IF_ERROR(tenant.DecideHold(hold_id, HoldState::kCommit, now_ms, {.look = &looked}).status());
  return CountIn(*looked.snapshot, how, [&](const CountedMirror& mirror) {
    return CountCommitted(mirror, looked.act, *looked.hold);
  });
}

absl::StatusOr<std::vector<AnnouncedLoss>> CountLosses(const LookedAnnouncement& looked, const GoOn& go_on) {
  ASSIGN_OR_RETURN(const std::vector<TableRecord> records, looked.snapshot->ReadTables());
  std::set<std::string> announced, retired;
  for (const SchemaAnswer& answer : looked.planned.answers) announced.insert(FoldName(answer.table));
  for (const std::string& table : looked.planned.retired) retired.insert(FoldName(table));
  std::map<std::string, AnnouncedLoss> losses;
  for (const TableRecord& record : records) {
    const std::string key = FoldName(record.table);
    if (announced.contains(key)) continue;
    // A table that is neither announced nor retired waits for an operator.
    losses[key] = {
        .table = record.table, .retired = true, .rows = record.row_count, .held = !retired.contains(key)};
  }
  const std::vector<Step>& steps = looked.planned.plan.steps;
  ASSIGN_OR_RETURN(std::vector<DroppedColumns> gone, FindPopulatedWithout(*looked.snapshot, steps));
  for (DroppedColumns& dropped : FindDropped(steps)) gone.push_back(std::move(dropped));
  for (const DroppedColumns& dropped : gone) {
    ASSIGN_OR_RETURN(const std::uint64_t values,
                     CountValues(*looked.snapshot, dropped.table, dropped.columns, go_on));
    losses[FoldName(dropped.table)] = {.table = dropped.table, .columns = dropped.columns, .values = values};
  }
  std::vector<AnnouncedLoss> all;
  for (auto& [name, loss] : losses) all.push_back(std::move(loss));
  return all;
}

absl::StatusOr<Act> RestoreAct(const std::string& path, Store& copy) {
  ASSIGN_OR_RETURN(const TenantRecord tenant, copy.records().ReadTenant());
  ASSIGN_OR_RETURN(const MirrorState state, ReadState(copy.records(), tenant));
  return Act{.call = "Restore", .more = absl::StrCat(path, " ", StateToken({.call = "copy"}, state))};
}

absl::StatusOr<Consequences> WouldRestore(Tenants& tenants, const std::string& context_id,
                                          const std::string& path, bool quick, const DryRun& how) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MirrorCopy> copy, TakeCopy(tenants, context_id, path));
  const absl::StatusOr<std::unique_ptr<Store>> store = copy->Open();
  absl::Status whole = store.status();
  if (whole.ok()) whole = (*store)->upkeep().CheckIntegrity();
  if (!whole.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("'", path, "' is not a complete mirror of '",
                                                      context_id, "': ", whole.message(),
                                                      ". Nothing was changed."));
  }
  ASSIGN_OR_RETURN(const Act act, RestoreAct(path, **store));
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> then, (*store)->OpenSnapshot());
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(context_id);
  if (!tenant.ok() && !absl::IsNotFound(tenant.status())) return tenant.status();
  absl::StatusOr<std::unique_ptr<Snapshot>> now =
      tenant.ok() ? (*tenant)->OpenSnapshot()
                  : absl::StatusOr<std::unique_ptr<Snapshot>>(std::unique_ptr<Snapshot>());
  if (absl::IsNotFound(now.status())) now = std::unique_ptr<Snapshot>();
  if (!now.ok()) return now.status();
  return CountIn(*then, how, [&](const CountedMirror& copied) -> absl::StatusOr<Consequences> {
    if (*now == nullptr) return CountRestored(nullptr, copied, act, quick);
    return CountIn(**now, how,
                   [&](const CountedMirror& mirror) { return CountRestored(&mirror, copied, act, quick); });
  });
}

absl::Status StaleWords(const absl::StatusOr<Consequences>& now) {
  const std::string changed =
      "the state has changed since the dry run, or the token is of another call. Nothing was done. ";
  if (!now.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(changed, "The present counts cannot be read: ", now.status().message()));
  }
  return absl::FailedPreconditionError(absl::StrCat(changed, "The present counts: ", WordsOf(*now),
                                                    ". Look again with --dry-run, or give --expect ",
                                                    now->token, " if that is what you want."));
}

}  // namespace mirror
