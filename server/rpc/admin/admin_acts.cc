// The calls of the MirrorAdmin that remove something: tables, mirrors.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/tenant_summary.h"
#include "server/rpc/admin/admin_service.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/rpc/admin/dry_runs.h"
#include "server/tenant/backup.h"

namespace mirror {
namespace {

template <typename Request>
std::string CallText(const char* call, const Request& request) {
  return absl::StrCat(call, " ", request.context_id(), request.all() ? " all tables" : "",
                      request.tables().empty() ? "" : ": ", absl::StrJoin(request.tables(), ", "),
                      MeantWords(request));
}

/// Returns the tables of the request; none means all, and only if it says `all`.
template <typename Request>
absl::StatusOr<std::vector<std::string>> Meant(const Request& request) {
  if (request.all() == (request.tables_size() > 0)) {
    return absl::InvalidArgumentError("name tables, or set 'all', and not both. Nothing was done.");
  }
  return std::vector<std::string>(request.tables().begin(), request.tables().end());
}

/// Returns what is known without opening its database; nothing for a tenant that does not exist.
TenantSummary SummaryOf(Tenants& tenants, const std::string& context_id) {
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(context_id);
  return tenant.ok() ? (*tenant)->summary() : TenantSummary();
}

/// Returns when the last copy was made, from the events.
std::string LastBackup(Events& events, const std::string& context_id) {
  const absl::StatusOr<std::vector<EventRecord>> made =
      events.Last({.context_id = context_id, .kind = "backup.made"}, 0, 1);
  if (!made.ok() || made->empty()) return "no backup of it is known";
  constexpr std::int64_t kMsPerSecond = 1'000;
  return absl::StrCat("its last backup was made at ", FormatUnixTime(made->back().time_ms / kMsPerSecond));
}

}  // namespace

grpc::Status AdminService::InvalidateLsn(grpc::ServerContext* context,
                                         const v1::InvalidateLsnRequest* request,
                                         v1::InvalidateLsnResponse* response) {
  return Serve(*context, NeedsOf(*request), CallText("InvalidateLsn", *request), [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<std::string> meant, Meant(*request));
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                     FindAskedTenant(tenants_, request->context_id(), *context));
    return DoAsMeant(
        *request, response, GoesOn(*context),
        [&](const DryRun& how) { return WouldInvalidate(*tenant, meant, SharedNowMs(), how); },
        [&](const Expected& expected) {
          const auto done = tenant->Invalidate(meant, SharedNowMs(), {.expected = expected});
          if (done.ok()) response->mutable_tables()->Add(done->begin(), done->end());
          return done.status();
        });
  });
}

absl::Status AdminService::ResetAll(grpc::ServerContext& context, Tenant& tenant, const Expected& expected,
                                    v1::ResetTableResponse* response) {
  ASSIGN_OR_RETURN(ResetReport report,
                   ResetMirror(tenants_, tenant, SharedNowMs(), GoesOn(context), expected));
  if (!report.left_out.empty()) {
    events_.Add(tenant.context_id(), Severity::kWarning, "backup.made",
                absl::StrCat("the former mirror is kept at ", report.kept,
                             "; not in it: ", ListNames(report.left_out)));
  }
  response->mutable_tables()->Add(report.tables.begin(), report.tables.end());
  response->set_kept_path(std::move(report.kept));
  return absl::OkStatus();
}

grpc::Status AdminService::ResetTable(grpc::ServerContext* context, const v1::ResetTableRequest* request,
                                      v1::ResetTableResponse* response) {
  return Serve(*context, NeedsOf(*request), CallText("ResetTable", *request), [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<std::string> meant, Meant(*request));
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                     FindAskedTenant(tenants_, request->context_id(), *context));
    if (request->all() && !request->dry_run() && request->confirm() != request->context_id()) {
      return absl::InvalidArgumentError(
          "'confirm' is not the context id. Nothing was dropped. Repeat the context id in 'confirm'.");
    }
    return DoAsMeant(
        *request, response, GoesOn(*context),
        [&](const DryRun& how) { return WouldReset(*tenant, meant, SharedNowMs(), how); },
        [&](const Expected& expected) -> absl::Status {
          if (request->all()) return ResetAll(*context, *tenant, expected, response);
          const auto done = tenant->Reset(meant, SharedNowMs(), {.expected = expected});
          if (done.ok()) response->mutable_tables()->Add(done->begin(), done->end());
          return done.status();
        });
  });
}

grpc::Status AdminService::DeleteMirror(grpc::ServerContext* context, const v1::DeleteMirrorRequest* request,
                                        v1::DeleteMirrorResponse* response) {
  const std::string call = absl::StrCat("DeleteMirror ", request->context_id(), MeantWords(*request));
  return Serve(*context, NeedsOf(*request), call, [&]() -> absl::Status {
    if (!request->dry_run() && request->confirm() != request->context_id()) {
      return absl::InvalidArgumentError(
          "'confirm' is not the context id. Nothing was removed. Repeat the context id in 'confirm'.");
    }
    const std::string context_id = SpellingOf(tenants_, request->context_id(), *context);
    const auto would = [&](const DryRun& how) -> absl::StatusOr<Consequences> {
      ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(context_id));
      absl::StatusOr<Consequences> counted = WouldDelete(*tenant, how);
      if (counted.ok()) counted->notes.push_back(LastBackup(events_, context_id));
      return counted;
    };
    return DoAsMeant(
        *request, response, GoesOn(*context), would, [&](const Expected& expected) -> absl::Status {
          const TenantSummary before = SummaryOf(tenants_, context_id);
          absl::Status deleted = tenants_.Delete(context_id, Deleted::kAll, /*epoch=*/0, expected);
          if (!deleted.ok()) return deleted;
          response->set_door(std::string(DoorWord(before)));
          events_.Add(context_id, Severity::kWarning, "mirror.deleted",
                      absl::StrCat("an operator removed the mirror; ",
                                   before.HasRecords() ? "nothing with that id can be made over HTTP"
                                                       : "sources of the tenant are told not to replicate",
                                   " until 'mirrorctl allow ", context_id, "'"));
          return absl::OkStatus();
        });
  });
}

}  // namespace mirror
