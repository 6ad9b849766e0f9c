#include "server/rpc/admin/admin_service.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "server/jobs/job_list.h"
#include "server/plan/tenant_summary.h"

namespace mirror {
namespace {

constexpr std::size_t kIdPatternBytesMax = 256;
constexpr std::size_t kStoragesPerPage = 100, kStoragesPerPageMax = 500;
constexpr int kJobStatesMax = 32;

/// By folded context id.
using Listed = std::map<std::string, ListedTenant>;

Listed ByName(std::vector<ListedTenant> all) {
  Listed listed;
  for (ListedTenant& tenant : all) listed.emplace(FoldName(tenant.context_id), std::move(tenant));
  return listed;
}

/// Returns the storages that have a tenant of records: that of "Acme--crm" is "Acme".
std::set<std::string> WithRecords(const Listed& listed) {
  std::set<std::string> storages;
  for (const auto& [folded, tenant] : listed) {
    if (tenant.summary->HasRecords()) storages.insert(folded.substr(0, folded.find("--")));
  }
  return storages;
}

void EncodeSource(const DataSource& source, const Listed& listed, v1::DataSourceInfo* message) {
  message->set_id(source.id);
  message->set_name(source.name);
  message->set_door(std::string(ToString(source.door)));
  message->set_mapper(source.mapper);
  message->set_tenant(source.tenant);
  message->set_is_default(source.is_default);
  const auto found = listed.find(FoldName(source.tenant));
  if (found == listed.end()) return;
  const ListedTenant& tenant = found->second;
  message->set_state(std::string(ToString(StateOf(tenant))));
  message->set_rows(tenant.summary->rows);
  message->set_last_progress_ms(tenant.progress_ms);
}

void EncodeJob(const ListedJob& listed, v1::ImportJobInfo* message) {
  const ImportJob& job = listed.job;
  message->set_id(job.id);
  message->set_storage(job.storage);
  message->set_data_source(job.source);
  message->set_context_id(listed.context_id);
  message->set_state(std::string(ToString(job.state)));
  message->set_progress(static_cast<std::uint32_t>(std::min<std::uint64_t>(100, job.progress)));
  message->set_message(CutMessage(job.message));
  message->set_inserts(job.inserts);
  message->set_updates(job.updates);
  message->set_unchanged(job.unchanged);
  message->set_failed(job.failed);
  message->set_api_key(job.key);
  message->set_server(job.server);
  message->set_created_ms(job.created_ms);
  message->set_modified_ms(job.modified_ms);
}

}  // namespace

absl::Status AdminRecords::List(const v1::ListStoragesRequest& request, v1::ListStoragesResponse* response) {
  if (request.id_pattern().size() > kIdPatternBytesMax || request.page_token().size() > kIdPatternBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("'id_pattern' or 'page_token' is over ",
                                                   kIdPatternBytesMax, " bytes. Ask with a shorter one."));
  }
  ASSIGN_OR_RETURN(const HttpDoorSeen door, look_at_door_(/*with_keys=*/false));
  ASSIGN_OR_RETURN(std::vector<ListedTenant> all, All());
  const Listed listed = ByName(std::move(all));
  const std::set<std::string> with_records =
      request.with_records() ? WithRecords(listed) : std::set<std::string>();
  const std::size_t page_size = request.page_size() == 0
                                    ? kStoragesPerPage
                                    : std::min<std::size_t>(request.page_size(), kStoragesPerPageMax);
  const auto shows = [&](const std::string& id) {
    if (!request.id_pattern().empty() && !MatchesPattern(id, request.id_pattern())) return false;
    return !request.with_records() || with_records.contains(FoldName(id));
  };
  ASSIGN_OR_RETURN(Storages::Stretch stretch,
                   storages_.Walk(request.page_token(), page_size, kStoragesPerPageMax, shows));
  for (const StorageInfo& storage : stretch.storages) {
    const absl::StatusOr<std::vector<DataSource>> sources = storages_.ListSources(storage.id);
    if (absl::IsNotFound(sources.status())) continue;  // Deleted meanwhile.
    v1::StorageInfo* const message = response->add_storages();
    message->set_id(storage.id);
    message->set_name(storage.name);
    if (!sources.ok()) message->set_problem(CutMessage(std::string(sources.status().message())));
    if (!sources.ok()) continue;
    for (const DataSource& source : *sources) EncodeSource(source, listed, message->add_data_sources());
  }
  response->set_next_page_token(std::move(stretch.next));
  response->set_http_url(door.url);
  return absl::OkStatus();
}

absl::Status AdminRecords::List(const v1::ListImportJobsRequest& request,
                                v1::ListImportJobsResponse* response) {
  if (request.states_size() > kJobStatesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are over ", kJobStatesMax, " states. Ask for less at once."));
  }
  ASSIGN_OR_RETURN(const HttpDoorSeen door, look_at_door_(/*with_keys=*/false));
  ASSIGN_OR_RETURN(
      const JobPage page,
      mirror::ListImportJobs(tenants_, {.storage = request.storage(),
                                        .context_id = request.context_id(),
                                        .states = {request.states().begin(), request.states().end()},
                                        .page_size = request.page_size(),
                                        .page_token = request.page_token()}));
  for (const ListedJob& job : page.jobs) EncodeJob(job, response->add_jobs());
  response->set_next_page_token(page.next_page_token);
  response->set_http_url(door.url);
  return absl::OkStatus();
}

absl::Status AdminRecords::List(v1::ListApiKeysResponse* response) {
  ASSIGN_OR_RETURN(const HttpDoorSeen door, look_at_door_(/*with_keys=*/true));
  for (const ApiKey& key : door.keys) {
    v1::ApiKeyInfo* const message = response->add_keys();
    message->set_name(key.name);
    message->set_role(ToString(key.role));
    message->mutable_storages()->Add(key.storages.begin(), key.storages.end());
    message->set_issued(key.issued);
    const auto used = door.used_ms.find(key.name);
    if (used != door.used_ms.end()) message->set_last_used_ms(used->second);
  }
  for (const std::string& left_out : door.left_out) response->add_left_out(CutMessage(left_out));
  response->set_http_url(door.url);
  return absl::OkStatus();
}

grpc::Status AdminRecords::ListStorages(grpc::ServerContext* context, const v1::ListStoragesRequest* request,
                                        v1::ListStoragesResponse* response) {
  return Serve(*context, Needs::kViewer, "ListStorages", [&] { return List(*request, response); });
}

grpc::Status AdminRecords::ListImportJobs(grpc::ServerContext* context,
                                          const v1::ListImportJobsRequest* request,
                                          v1::ListImportJobsResponse* response) {
  const std::string& of = request->context_id().empty() ? request->storage() : request->context_id();
  return Serve(*context, Needs::kViewer, absl::StrCat("ListImportJobs ", of),
               [&] { return List(*request, response); });
}

grpc::Status AdminRecords::ListApiKeys(grpc::ServerContext* context,
                                       const v1::ListApiKeysRequest* /*request*/,
                                       v1::ListApiKeysResponse* response) {
  return Serve(*context, Needs::kViewer, "ListApiKeys", [&] { return List(response); });
}

}  // namespace mirror
