#include "server/tenant/backup.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/plan/move_mark.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/records_planner.h"

namespace mirror {
namespace {

/// Reserve for writes of other tenants during the copy.
constexpr std::uint64_t kSpareBytes = 64ULL << 20;

absl::Status NotEqual(const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("the drill found that the copy differs from the mirror: ", what,
                   ". Do not rely on the copy. Check the disks, and make another copy."));
}

/// Opens the copy as the server would, and compares it with the original.
absl::StatusOr<std::vector<DrilledTable>> Drill(MirrorCopy& made, Snapshot& original, const GoOn& go_on,
                                                const ShowBackup& show) {
  const absl::StatusOr<std::unique_ptr<Store>> store = made.Open();
  if (!store.ok()) return NotEqual(std::string(store.status().message()));
  if (absl::Status whole = (*store)->upkeep().CheckIntegrity(); !whole.ok()) {
    return NotEqual(std::string(whole.message()));
  }
  const absl::StatusOr<std::unique_ptr<Snapshot>> copy = (*store)->OpenSnapshot();
  if (!copy.ok()) return NotEqual(std::string(copy.status().message()));
  ASSIGN_OR_RETURN(const std::vector<TableRecord> records, original.ReadTables());
  const absl::StatusOr<std::vector<TableRecord>> copied = (*copy)->ReadTables();
  if (!copied.ok() || *copied != records) return NotEqual("its metadata table differs");
  std::vector<DrilledTable> tables;
  BackupStep step{.doing = "comparing", .all = records.size()};
  for (const TableRecord& record : records) {
    if (show) show(step);
    ++step.done;
    ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, original.ReadSchema(record.table));
    // If the agreed definition is newer than the rows, the table has other columns than the definition.
    if (!schema || record.state == TableState::kRepopulate) continue;
    const TableSchema kept = KeptForm(*schema);
    const std::vector<std::uint32_t> all = kept.AllColumns();
    ASSIGN_OR_RETURN(const std::vector<RangeDigest> there, original.Digest(kept, all, {}, go_on));
    const absl::StatusOr<std::vector<RangeDigest>> here = (*copy)->Digest(kept, all, {}, go_on);
    if (absl::IsCancelled(here.status())) return here.status();
    if (!here.ok() || here->front() != there.front()) {
      return NotEqual(absl::StrCat("table '", record.table, "' differs"));
    }
    tables.push_back({record, here->front()});
  }
  return tables;
}

absl::Status EndCycleIn(MirrorCopy& made, const Tenant& tenant, const std::optional<TenantRecord>& before,
                        std::int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> copy, made.Open());
  copy->SetJournal(tenant.journal_rules());
  return EndCycleOfCopy(*copy, before, now_ms);
}

/// Copies the mirror before all tables of the tenant are dropped, unless there are none.
absl::StatusOr<ResetReport> CopyBeforeReset(Tenants& tenants, Tenant& tenant, std::int64_t now_ms,
                                            const GoOn& go_on) {
  ASSIGN_OR_RETURN(const TenantInfo info, tenant.Info());
  if (info.tables == 0) return ResetReport{};
  ASSIGN_OR_RETURN(const StoreHome::Space space, tenants.home().FindCopySpace());
  if (space.free_bytes < info.bytes + kSpareBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the mirror of '", tenant.context_id(), "' has ", info.bytes,
                     " bytes, and the disk has room for ", space.free_bytes,
                     ": the reset cannot keep a copy of the mirror. Nothing was dropped. Make room, or reset "
                     "the tables by their names, which keeps no copy."));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, tenant.OpenSnapshot());
  ASSIGN_OR_RETURN(const std::unique_ptr<MirrorCopy> copy, tenants.home().NewCopy(tenant.context_id()));
  const auto copying = [&](std::uint64_t, std::uint64_t) { return go_on(); };
  ASSIGN_OR_RETURN(std::vector<std::string> left_out, copy->CopyOf(*snapshot, copying));
  absl::StatusOr<std::string> kept = copy->Keep(now_ms);
  if (!kept.ok()) {
    return absl::Status(kept.status().code(), absl::StrCat(kept.status().message(), " Nothing was dropped."));
  }
  CrashPoint("reset.kept");
  return ResetReport{.kept = *std::move(kept), .left_out = std::move(left_out)};
}

}  // namespace

absl::StatusOr<BackupReport> BackupMirror(Tenants& tenants, Tenant& tenant, const std::string& path,
                                          bool drill, const GoOn& go_on, const ShowBackup& show) {
  const bool kept = !path.empty() || !drill;
  if (kept) RETURN_IF_ERROR(tenants.home().CheckCopyOut(path));
  std::unique_ptr<MirrorCopy> copy;
  if (drill) {
    ASSIGN_OR_RETURN(copy, tenants.home().NewCopy(tenant.context_id()));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, tenant.OpenSnapshot());
  const auto copying = [&](std::uint64_t done, std::uint64_t all) {
    if (show) show({.done = done, .all = all});
    return go_on();
  };
  BackupReport report;
  if (kept) {
    ASSIGN_OR_RETURN(CopyReport made, tenants.home().CopyOut(tenant.context_id(), *snapshot, path, copying));
    report.bytes = made.bytes;
    report.left_out = std::move(made.left_out);
  }
  if (!drill) return report;
  if (kept) {
    RETURN_IF_ERROR(copy->CopyOf(path));
  } else {
    ASSIGN_OR_RETURN(report.left_out, copy->CopyOf(*snapshot, copying));
    report.bytes = copy->Bytes();
  }
  ASSIGN_OR_RETURN(report.tables, Drill(*copy, *snapshot, go_on, show));
  return report;
}

absl::StatusOr<RestoreReport> RestoreMirror(Tenants& tenants, const std::string& context_id,
                                            const std::string& path, std::int64_t now_ms,
                                            const Expected& expected) {
  RETURN_IF_ERROR(CheckContextId(context_id));
  RETURN_IF_ERROR(tenants.home().CheckCopyIn(path));
  ASSIGN_OR_RETURN(const std::unique_ptr<MirrorCopy> copy, tenants.home().NewCopy(context_id));
  RETURN_IF_ERROR(copy->CopyOf(path));
  CrashPoint("restore.copied");
  RestoreReport report;
  ExpectedOfAct expected_act{expected};
  Tenants::LetIn let_in = Tenants::LetIn::kByItsMirror;
  {
    const auto no_mirror = [&](absl::string_view what) {
      return absl::FailedPreconditionError(absl::StrCat("'", path, "' is not a complete mirror of '",
                                                        context_id, "': ", what,
                                                        ". Nothing was changed. Give a file that 'mirrorctl "
                                                        "backup ",
                                                        context_id, "' made."));
    };
    const absl::StatusOr<std::unique_ptr<Store>> store = copy->Open();
    if (!store.ok()) return no_mirror(store.status().message());
    if (absl::Status whole = (*store)->upkeep().CheckIntegrity(); !whole.ok())
      return no_mirror(whole.message());
    const absl::StatusOr<std::vector<TableRecord>> records = (*store)->records().ReadTables();
    if (!records.ok()) return no_mirror(records.status().message());
    report.tables = static_cast<std::uint32_t>(records->size());
    if (!expected.token.empty()) {
      ASSIGN_OR_RETURN(expected_act.act, RestoreAct(path, **store));
    }
  }
  report.bytes = copy->Bytes();
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants.FindOrMake(context_id));
  RETURN_IF_ERROR(tenant->ReplaceFile(
      [&](const std::optional<TenantRecord>& before) -> absl::Status {
        CrashPoint("restore.before");
        RETURN_IF_ERROR(EndCycleIn(*copy, *tenant, before, now_ms));
        ASSIGN_OR_RETURN(ReplacedMirror replaced_mirror,
                         copy->Replace(now_ms, [](std::uint64_t, std::uint64_t) { return true; }));
        if (replaced_mirror.was_deleted) let_in = Tenants::LetIn::kWithItsMirror;
        report.kept = std::move(replaced_mirror.kept);
        report.left_out = std::move(replaced_mirror.left_out);
        return absl::OkStatus();
      },
      now_ms, expected_act));
  CrashPoint("restore.ended");
  RETURN_IF_ERROR(tenants.Allow(context_id, let_in).status());
  return report;
}

absl::StatusOr<ResetReport> ResetMirror(Tenants& tenants, Tenant& tenant, std::int64_t now_ms,
                                        const GoOn& go_on, const Expected& expected) {
  // A move may begin at any time: check before the copy is made, and again before the rename.
  const auto stays = [&tenant]() -> absl::Status {
    const absl::StatusOr<std::optional<MoveMark>> mark = tenant.ReadMove();
    return mark.ok() ? CheckStays(tenant.context_id(), *mark) : absl::OkStatus();
  };
  if (!expected.token.empty()) {
    // Check before the copy is made; the check that counts is made where the tables are dropped.
    LookedAct looked;
    const ActTerms terms{.expected = expected, .look = &looked};
    RETURN_IF_ERROR(tenant.Reset({}, now_ms, terms).status());
  }
  if (!tenant.IsUnusable()) {
    RETURN_IF_ERROR(stays());
    const absl::StatusOr<TenantRecord> row = tenant.ReadTenantRow();
    const absl::Status cycles = row.ok() ? CheckComesByCycles(*row) : absl::OkStatus();
    if (!cycles.ok()) return cycles;
    absl::StatusOr<ResetReport> kept = CopyBeforeReset(tenants, tenant, now_ms, go_on);
    absl::Status failed = kept.status();
    if (kept.ok()) {
      absl::StatusOr<std::vector<std::string>> tables = tenant.Reset({}, now_ms, {.expected = expected});
      if (tables.ok()) {
        kept->tables = *std::move(tables);
        return kept;
      }
      failed = tables.status();
    }
    if (!expected.token.empty()) return failed;
    // Whatever the old file contains must not prevent a new one.
    const bool of_file = absl::IsDataLoss(failed) || (kept.ok() && absl::IsFailedPrecondition(failed));
    if (!of_file) return failed;
    RETURN_IF_ERROR(stays());
    tenant.Distrust(failed);
  }
  // The tenant may have been deleted since.
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> there, tenants.Find(tenant.context_id()));
  ResetReport report;
  RETURN_IF_ERROR(there->Rebuild(
      [&](const std::optional<TenantRecord>& owner) {
        absl::StatusOr<std::string> aside = tenants.home().SetAside(there->context_id(), now_ms, owner);
        if (aside.ok()) report.kept = *aside;
        return aside;
      },
      now_ms));
  return report;
}

}  // namespace mirror
