// The calls of the MirrorAdmin about tenants as a whole: which there are, and which shall be there.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"
#include "server/rpc/admin/admin_service.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/tenant/tenant_list.h"

namespace mirror {
namespace {

constexpr std::size_t kPatternBytesMax = 256;
constexpr int kStatesMax = 32;

absl::StatusOr<TenantQuery> QueryOf(const v1::ListTenantsRequest& request) {
  if (request.name_pattern().size() > kPatternBytesMax || request.states_size() > kStatesMax) {
    return absl::InvalidArgumentError(absl::StrCat("'name_pattern' is over ", kPatternBytesMax,
                                                   " bytes, or there are over ", kStatesMax,
                                                   " states. Ask for less at once."));
  }
  TenantQuery query;
  query.name_pattern = request.name_pattern();
  query.states.insert(request.states().begin(), request.states().end());
  query.problems = request.problems();
  query.page_size = request.page_size();
  query.page_token = request.page_token();
  if (request.order() == v1::TENANT_ORDER_PROBLEMS) query.order = TenantOrder::kProblems;
  if (request.order() == v1::TENANT_ORDER_OLDEST) query.order = TenantOrder::kOldest;
  return query;
}

void EncodeFailure(const TenantSummary& summary, v1::Tenant* message) {
  message->set_failing_since_ms(summary.failure.since_ms);
  message->set_last_failed_ms(summary.failure.last_ms);
  message->set_failure(CutMessage(summary.failure.why));
  message->set_tables_refused(summary.tables_refused);
}

void EncodeListed(const ListedTenant& tenant, v1::Tenant* message) {
  const TenantSummary& summary = *tenant.summary;
  const TenantState state = StateOf(tenant);
  message->set_context_id(tenant.context_id);
  message->set_state(std::string(ToString(state)));
  message->set_problem(IsProblem(tenant));
  message->set_issuer(summary.issuer);
  message->set_environment(summary.environment);
  message->set_source_id(summary.source_id);
  message->set_cycle(summary.cycle);
  message->set_active(summary.active);
  message->set_last_progress_ms(tenant.progress_ms);
  message->set_last_completed_ms(summary.completed_ms);
  message->set_paused(summary.paused);
  message->set_pause_reason(summary.pause_reason);
  message->set_tables(summary.tables);
  message->set_tables_unpopulated(summary.tables_unpopulated);
  message->set_tables_differing(summary.tables_differing);
  message->set_rows(summary.rows);
  message->set_oldest_source_ms(summary.oldest_source_ms);
  message->set_quarantine(CutMessage(summary.quarantine));
  message->set_holds(summary.holds);
  message->set_waiting_source_id(summary.waiting_source);
  EncodeFailure(summary, message);
}

absl::Status Fill(const StoreHome& home, const FreshnessWatch& freshness, Tenant& tenant,
                  v1::Tenant* message) {
  const absl::StatusOr<TenantInfo> info = tenant.Info();
  message->set_context_id(tenant.context_id());
  message->set_path(home.Location(tenant.context_id()));
  if (!info.ok()) return info.status();
  const TenantRecord& record = info->record;
  message->set_issuer(record.issuer);
  message->set_environment(record.environment);
  message->set_source_id(record.source_id);
  message->set_cycle(record.cycle);
  message->set_active(record.active);
  message->set_last_progress_ms(record.progress_ms);
  message->set_last_completed_ms(record.completed_ms);
  message->set_paused(record.paused);
  message->set_pause_reason(record.pause_reason);
  message->set_tables(info->tables);
  message->set_tables_unpopulated(info->tables_unpopulated);
  message->set_bytes(info->bytes);
  message->set_quarantine(info->quarantine);
  message->set_holds(info->holds);
  message->set_waiting_source_id(info->waiting_source);
  const TenantSummary seen = tenant.summary();
  message->set_rows(seen.rows);
  message->set_oldest_source_ms(seen.oldest_source_ms);
  message->set_tables_differing(seen.tables_differing);
  EncodeFailure(seen, message);
  const ListedTenant listed{.context_id = tenant.context_id(),
                            .summary = std::make_shared<const TenantSummary>(seen),
                            .late = freshness.Missed(tenant.context_id()) > 0};
  const TenantState state = StateOf(listed);
  message->set_state(std::string(ToString(state)));
  message->set_problem(IsProblem(listed));
  return absl::OkStatus();
}

}  // namespace

absl::Status AdminService::List(const v1::ListTenantsRequest& request, v1::ListTenantsResponse* response) {
  const absl::StatusOr<TenantQuery> query = QueryOf(request);
  if (!query.ok()) return query.status();
  std::vector<ListedTenant> all;
  std::set<std::string> deleted;  // Folded.
  const auto nothing = std::make_shared<const TenantSummary>();
  const absl::StatusOr<std::vector<std::string>> gone = tenants_.Deleted();
  if (!gone.ok()) return gone.status();
  for (const std::string& context_id : *gone) {
    all.push_back({.context_id = context_id, .summary = nothing, .deleted = true});
    deleted.insert(FoldName(context_id));
  }
  for (Tenants::Seen& seen : tenants_.AllKnown()) {
    if (deleted.contains(FoldName(seen.context_id))) continue;
    // What was known of it before need not be so any more.
    if (!seen.unreadable.empty()) {
      TenantSummary unknown;
      unknown.quarantine = std::move(seen.unreadable);
      all.push_back({.context_id = std::move(seen.context_id),
                     .summary = std::make_shared<const TenantSummary>(std::move(unknown))});
      continue;
    }
    const bool late = freshness_.Missed(seen.context_id) > 0;
    const bool failing = seen.summary->failure.since_ms > 0;
    // A file that somebody took away.
    if (!seen.is_open && !failing && !tenants_.home().Exists(seen.context_id)) continue;
    all.push_back({.context_id = std::move(seen.context_id),
                   .summary = std::move(seen.summary),
                   .progress_ms = seen.progress_ms,
                   .late = late});
  }
  const absl::StatusOr<TenantPage> page = PageOf(all, *query);
  if (!page.ok()) return page.status();
  for (const ListedTenant* const tenant : page->tenants) {
    v1::Tenant* const message = response->add_tenants();
    EncodeListed(*tenant, message);
    message->set_path(tenants_.home().Location(tenant->context_id));
    message->set_bytes(tenants_.home().Bytes(tenant->context_id));
  }
  response->set_next_page_token(page->next_page_token);
  for (const auto& [state, count] : page->totals) {
    v1::TenantCount* const total = response->add_totals();
    total->set_state(std::string(ToString(state)));
    total->set_tenants(count);
  }
  return absl::OkStatus();
}

grpc::Status AdminService::ListTenants(grpc::ServerContext* context, const v1::ListTenantsRequest* request,
                                       v1::ListTenantsResponse* response) {
  return Serve(*context, Needs::kViewer, "ListTenants", [&] { return List(*request, response); });
}

grpc::Status AdminService::GetTenant(grpc::ServerContext* context, const v1::GetTenantRequest* request,
                                     v1::Tenant* response) {
  return Serve(*context, Needs::kViewer, absl::StrCat("GetTenant ", request->context_id()),
               [&]() -> absl::Status {
                 const absl::StatusOr<std::shared_ptr<Tenant>> tenant =
                     FindAskedTenant(tenants_, request->context_id(), *context);
                 if (!tenant.ok()) return tenant.status();
                 return Fill(tenants_.home(), freshness_, **tenant, response);
               });
}

grpc::Status AdminService::DeleteMirror(grpc::ServerContext* context, const v1::DeleteMirrorRequest* request,
                                        v1::DeleteMirrorResponse* /*response*/) {
  return Serve(
      *context, Needs::kOperator, absl::StrCat("DeleteMirror ", request->context_id()),
      [&]() -> absl::Status {
        if (request->confirm() != request->context_id()) {
          return absl::InvalidArgumentError(
              "'confirm' is not the context id. Nothing was removed. Repeat the context id in 'confirm'.");
        }
        const std::string context_id = SpellingOf(tenants_, request->context_id(), *context);
        if (absl::Status status = tenants_.Delete(context_id); !status.ok()) return status;
        events_.Add(context_id, Severity::kWarning, "mirror.deleted",
                    absl::StrCat("an operator removed the mirror; sources of the tenant are told not to "
                                 "replicate until 'mirrorctl allow ",
                                 context_id, "'"));
        return absl::OkStatus();
      });
}

grpc::Status AdminService::AllowTenant(grpc::ServerContext* context, const v1::AllowTenantRequest* request,
                                       v1::AllowTenantResponse* /*response*/) {
  return Serve(*context, Needs::kOperator, absl::StrCat("AllowTenant ", request->context_id()),
               [&]() -> absl::Status {
                 const absl::StatusOr<std::string> allowed = tenants_.Allow(request->context_id());
                 if (!allowed.ok()) return allowed.status();
                 TellSpelling(*allowed, request->context_id(), *context);
                 events_.Add(*allowed, Severity::kInformation, "tenant.allowed",
                             "an operator lets the deleted tenant be mirrored again");
                 return absl::OkStatus();
               });
}

}  // namespace mirror
