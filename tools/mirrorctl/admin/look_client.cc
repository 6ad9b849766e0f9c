#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "tools/mirrorctl/admin/admin_calls.h"
#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {
namespace {

/// What a page has at most.
constexpr std::uint32_t kStoragesAtOnce = 500, kJobsAtOnce = 500;

}  // namespace

absl::StatusOr<v1::Tenant> LookClient::Tenant(const std::string& context_id) {
  v1::GetTenantRequest request;
  request.set_context_id(context_id);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::GetTenant, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListCyclesResponse> LookClient::Cycles(const std::string& context_id) {
  v1::ListCyclesRequest request;
  request.set_context_id(context_id);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListCycles, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::TimeSeries> LookClient::Minutes(const std::string& context_id) {
  v1::GetTimeSeriesRequest request;
  request.set_context_id(context_id);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::GetTimeSeries, request, Effect::kReads, kPatience);
}

absl::Status LookClient::Follow(const Interruption& interruption,
                                const std::function<void(const v1::TenantsNews&)>& each) {
  grpc::ClientContext context;
  const auto stream = admin_.service_->stub->WatchTenants(&context, v1::WatchTenantsRequest());
  const Canceller canceller(context, &interruption);
  v1::TenantsNews news;
  while (stream->Read(&news)) each(news);
  const grpc::Status status = stream->Finish();
  if (interruption.Wait(std::chrono::milliseconds(0))) return absl::OkStatus();
  if (status.ok()) return absl::UnavailableError("the server ended the watch, as it does when it stops");
  return admin_.service_->Explain(status, context, Effect::kReads);
}

absl::StatusOr<v1::ListStoragesResponse> LookClient::Storages(const v1::ListStoragesRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListStorages, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListStoragesResponse> LookClient::AllStorages(v1::ListStoragesRequest request) {
  request.set_page_size(kStoragesAtOnce);
  v1::ListStoragesResponse all;
  do {
    absl::StatusOr<v1::ListStoragesResponse> page = Storages(request);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    for (v1::StorageInfo& storage : *page->mutable_storages()) *all.add_storages() = std::move(storage);
    all.set_http_url(page->http_url());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListImportJobsResponse> LookClient::ImportJobs(const v1::ListImportJobsRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListImportJobs, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListImportJobsResponse> LookClient::LastImportJobs(v1::ListImportJobsRequest request,
                                                                      std::uint32_t count) {
  v1::ListImportJobsResponse last;
  do {
    request.set_page_size(std::min(kJobsAtOnce, count - static_cast<std::uint32_t>(last.jobs_size())));
    absl::StatusOr<v1::ListImportJobsResponse> page = ImportJobs(request);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    for (v1::ImportJobInfo& job : *page->mutable_jobs()) *last.add_jobs() = std::move(job);
    last.set_http_url(page->http_url());
    last.set_next_page_token(page->next_page_token());
  } while (!request.page_token().empty() && static_cast<std::uint32_t>(last.jobs_size()) < count);
  return last;
}

absl::StatusOr<v1::ListApiKeysResponse> LookClient::ApiKeys() {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListApiKeys, v1::ListApiKeysRequest(), Effect::kReads,
                               kPatience);
}

}  // namespace mirror
