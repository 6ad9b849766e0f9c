// The calls of the MirrorAdmin about equality: verification, holds, backups.

#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/rpc/admin/admin_service.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/rpc/admin/dry_runs.h"
#include "server/tenant/backup.h"

namespace mirror {
namespace {

/// Time between two messages of a backup's progress.
constexpr std::chrono::milliseconds kProgressPatience{200};

void EncodeHold(const std::string& context_id, const Hold& hold, bool with_keys, v1::Hold* message) {
  message->set_hold_id(hold.id);
  message->set_context_id(context_id);
  message->set_kind(std::string(ToString(hold.kind)));
  message->set_table(hold.table);
  message->set_rows(hold.rows);
  message->set_rows_before(hold.rows_before);
  for (const std::string& table : hold.tables) message->add_tables(table);
  message->set_since_ms(hold.since_ms);
  message->set_state(std::string(ToString(hold.state)));
  message->set_reason(hold.reason);
  if (!with_keys) return;
  for (const std::string& key : hold.keys) message->add_keys(key);
}

absl::Status DecideHold(Tenants& tenants, const std::string& context_id, std::uint64_t hold_id,
                        HoldState decision, grpc::ServerContext& context, const Expected& expected,
                        v1::Hold* decided) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, FindAskedTenant(tenants, context_id, context));
  ASSIGN_OR_RETURN(const Hold hold,
                   tenant->DecideHold(hold_id, decision, SharedNowMs(), {.expected = expected}));
  EncodeHold(tenant->context_id(), hold, /*with_keys=*/false, decided);
  return absl::OkStatus();
}

std::string WordsOf(const BackupReport& report, bool drill) {
  std::string words = absl::StrCat("a backup of ", report.bytes, " bytes was made",
                                   drill ? ", restored and compared: it is equal" : "");
  if (!report.left_out.empty()) absl::StrAppend(&words, "; not in it: ", ListNames(report.left_out));
  return words;
}

void EncodeBackup(const BackupReport& report, v1::BackupResponse* message) {
  message->set_bytes(report.bytes);
  for (const DrilledTable& drilled : report.tables) {
    v1::BackupResponse::Table* const table = message->add_tables();
    table->set_table(drilled.record.table);
    table->set_row_count(drilled.digest.rows);
    table->set_digest(drilled.digest.sum);
    table->set_lsn(drilled.record.position.lsn.value);
  }
}

}  // namespace

grpc::Status AdminService::AcceptSource(grpc::ServerContext* context, const v1::AcceptSourceRequest* request,
                                        v1::AcceptSourceResponse* response) {
  const std::string call = absl::StrCat("AcceptSource ", request->context_id(), MeantWords(*request));
  return ServeTenant(*context, NeedsOf(*request), call, *request, [&](Tenant& tenant) -> absl::Status {
    return DoAsMeant(
        *request, response, GoesOn(*context),
        [&](const DryRun& how) { return WouldAcceptSource(tenant, SharedNowMs(), how); },
        [&](const Expected& expected) {
          absl::StatusOr<std::string> source = tenant.AcceptSource(SharedNowMs(), {.expected = expected});
          if (source.ok()) response->set_source_id(*std::move(source));
          return source.status();
        });
  });
}

grpc::Status AdminService::Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                                  v1::VerifyResponse* response) {
  const std::string call =
      absl::StrCat("Verify ", request->context_id(), request->tables().empty() ? "" : ": ",
                   absl::StrJoin(request->tables(), ", "));
  return ServeTenant(*context, Needs::kOperator, call, *request, [&](Tenant& tenant) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<std::string> asked,
                     tenant.AskToVerify({request->tables().begin(), request->tables().end()}, SharedNowMs()));
    response->mutable_tables()->Add(asked.begin(), asked.end());
    return absl::OkStatus();
  });
}

grpc::Status AdminService::Backup(grpc::ServerContext* context, const v1::BackupRequest* request,
                                  v1::BackupResponse* response) {
  return ServeBackup(*context, *request, response, {});
}

grpc::Status AdminService::BackupWatched(grpc::ServerContext* context, const v1::BackupRequest* request,
                                         grpc::ServerWriter<v1::BackupProgress>* writer) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point told;
  v1::BackupProgress last;
  const grpc::Status status =
      ServeBackup(*context, *request, last.mutable_made(), [&](const BackupStep& step) {
        const Clock::time_point now = Clock::now();
        if (now - told < kProgressPatience) return;
        told = now;
        v1::BackupProgress message;
        message.set_doing(step.doing);
        message.set_done(step.done);
        message.set_all(step.all);
        writer->Write(message);
      });
  if (status.ok()) writer->Write(last);
  return status;
}

grpc::Status AdminService::ServeBackup(grpc::ServerContext& context, const v1::BackupRequest& request,
                                       v1::BackupResponse* response, const ShowBackup& show) {
  const std::string call = absl::StrCat("Backup ", request.context_id(), " ", request.path(),
                                        request.drill() ? " with a drill" : "");
  return Serve(context, Needs::kOperator, call, [&]() -> absl::Status {
    // Events need an existing tenant.
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                     FindAskedTenant(tenants_, request.context_id(), context));
    const absl::StatusOr<BackupReport> report = BackupMirror(
        tenants_, *tenant, request.path(), request.drill(),
        [&] { return !context.IsCancelled() && !stopping_; }, show);
    const bool damaged = absl::IsDataLoss(report.status());
    events_.Add(tenant->context_id(),
                report.ok() ? Severity::kInformation : (damaged ? Severity::kError : Severity::kWarning),
                report.ok() ? "backup.made" : "backup.failed",
                report.ok() ? WordsOf(*report, request.drill()) : std::string(report.status().message()));
    if (!report.ok()) return report.status();
    EncodeBackup(*report, response);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::Restore(grpc::ServerContext* context, const v1::RestoreRequest* request,
                                   v1::RestoreResponse* response) {
  const std::string call =
      absl::StrCat("Restore ", request->context_id(), " ", request->path(), MeantWords(*request));
  const auto act = [&](const std::string& context_id, const Expected& expected) -> absl::Status {
    if (request->confirm() != request->context_id() && tenants_.home().Exists(context_id)) {
      return absl::InvalidArgumentError(
          "the copy would replace a mirror, and 'confirm' is not the context id. Nothing was done. Repeat "
          "the context id in 'confirm'.");
    }
    ASSIGN_OR_RETURN(const RestoreReport report,
                     RestoreMirror(tenants_, context_id, request->path(), SharedNowMs(), expected));
    if (!report.left_out.empty()) {
      events_.Add(context_id, Severity::kWarning, "mirror.restored",
                  absl::StrCat("what was not restored: ", ListNames(report.left_out)));
    }
    response->set_bytes(report.bytes);
    response->set_tables(report.tables);
    response->set_kept_path(report.kept);
    if (const auto tenant = tenants_.Find(context_id); tenant.ok())
      response->set_door(std::string(DoorWord((*tenant)->summary())));
    return absl::OkStatus();
  };
  return Serve(*context, NeedsOf(*request), call, [&]() -> absl::Status {
    const std::string context_id = SpellingOf(tenants_, request->context_id(), *context);
    return DoAsMeant(
        *request, response, GoesOn(*context),
        [&](const DryRun& how) {
          return WouldRestore(tenants_, context_id, request->path(), request->quick(), how);
        },
        [&](const Expected& expected) { return act(context_id, expected); });
  });
}

grpc::Status AdminService::ListHolds(grpc::ServerContext* context, const v1::ListHoldsRequest* request,
                                     v1::ListHoldsResponse* response) {
  const bool with_keys = request->with_keys();
  return Serve(*context, with_keys ? Needs::kOperator : Needs::kViewer,
               absl::StrCat("ListHolds ", request->context_id(), with_keys ? " with keys" : ""),
               [&]() -> absl::Status {
                 ASSIGN_OR_RETURN(const auto asked,
                                  FindAsked(tenants_, SpellingOf(tenants_, request->context_id(), *context)));
                 for (const std::shared_ptr<Tenant>& tenant : asked) {
                   const absl::StatusOr<std::vector<Hold>> holds = tenant->Holds();
                   // A tenant that cannot be read does not hide the others.
                   if (!holds.ok() && !request->context_id().empty()) return holds.status();
                   if (!holds.ok()) continue;
                   for (const Hold& hold : *holds) {
                     EncodeHold(tenant->context_id(), hold, with_keys, response->add_holds());
                   }
                 }
                 return absl::OkStatus();
               });
}

grpc::Status AdminService::CommitHold(grpc::ServerContext* context, const v1::CommitHoldRequest* request,
                                      v1::CommitHoldResponse* response) {
  const std::string call =
      absl::StrCat("CommitHold ", request->context_id(), ":", request->hold_id(), MeantWords(*request));
  return Serve(*context, NeedsOf(*request), call, [&] {
    return DoAsMeant(
        *request, response, GoesOn(*context),
        [&](const DryRun& how) -> absl::StatusOr<Consequences> {
          ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                           FindAskedTenant(tenants_, request->context_id(), *context));
          return WouldCommitHold(*tenant, request->hold_id(), SharedNowMs(), how);
        },
        [&](const Expected& expected) {
          return DecideHold(tenants_, request->context_id(), request->hold_id(), HoldState::kCommit, *context,
                            expected, response->mutable_hold());
        });
  });
}

grpc::Status AdminService::RollbackHold(grpc::ServerContext* context, const v1::RollbackHoldRequest* request,
                                        v1::RollbackHoldResponse* response) {
  const std::string call = absl::StrCat("RollbackHold ", request->context_id(), ":", request->hold_id());
  return Serve(*context, Needs::kOperator, call, [&] {
    return DecideHold(tenants_, request->context_id(), request->hold_id(), HoldState::kRollback, *context,
                      /*expected=*/{}, response->mutable_hold());
  });
}

}  // namespace mirror
