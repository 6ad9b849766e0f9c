#include "server/source/in_flight.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

absl::Status TooMuch(const std::string& what) {
  return absl::ResourceExhaustedError(absl::StrCat(
      what,
      ". Nothing of this was applied; what was acknowledged stays. Wait for answers before sending "
      "more, then send it again."));
}

}  // namespace

absl::StatusOr<InFlight::Call> InFlight::BeginCall(const std::string& tenant) {
  const MutexLock lock(mutex_);
  if (calls_ >= limits_.calls_max) {
    return TooMuch(absl::StrCat("the endpoint serves ", calls_, " calls at a time already"));
  }
  const auto found = tenants_.find(tenant);
  if (found != tenants_.end() && found->second.calls >= calls_tenant_max()) {
    return TooMuch(
        absl::StrCat("the tenant has ", found->second.calls, " calls at a time already, which is its limit"));
  }
  ++calls_;
  ++tenants_[tenant].calls;
  return Call(this, tenant);
}

InFlight::Call::Call(Call&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      tenant_(std::move(other.tenant_)),
      waiting_bytes_(other.waiting_bytes_),
      waiting_(other.waiting_) {}

InFlight::Call::~Call() {
  if (owner_ == nullptr) return;
  const MutexLock lock(owner_->mutex_);
  --owner_->calls_;
  const auto found = owner_->tenants_.find(tenant_);
  --found->second.calls;
  if (waiting_) {
    found->second.waiting_bytes -= waiting_bytes_;
    --found->second.waiting;
  }
  if (found->second.empty()) owner_->tenants_.erase(found);
}

bool InFlight::Call::MayWait(std::uint64_t bytes) {
  const MutexLock lock(owner_->mutex_);
  OfTenant& of_tenant = owner_->tenants_[tenant_];
  if (waiting_ || of_tenant.waiting_bytes + bytes > owner_->limits_.bytes_tenant_max / 2 ||
      of_tenant.waiting >= std::max(1U, owner_->calls_tenant_max() / 2)) {
    return false;
  }
  of_tenant.waiting_bytes += bytes;
  ++of_tenant.waiting;
  waiting_bytes_ = bytes;
  waiting_ = true;
  return true;
}

absl::StatusOr<InFlight::Stream> InFlight::OpenStream(const std::string& tenant) {
  const MutexLock lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found != tenants_.end() && found->second.streams >= limits_.streams_per_tenant_max) {
    return TooMuch(
        absl::StrCat("the tenant has ", found->second.streams, " streams open, which is its limit"));
  }
  ++tenants_[tenant].streams;
  return Stream(this, tenant);
}

InFlight::Stream::Stream(Stream&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), tenant_(std::move(other.tenant_)), bytes_(other.bytes_) {}

InFlight::Stream::~Stream() {
  if (owner_ == nullptr) return;
  const MutexLock lock(owner_->mutex_);
  const auto found = owner_->tenants_.find(tenant_);
  found->second.bytes -= bytes_;
  owner_->bytes_ -= bytes_;
  --found->second.streams;
  if (found->second.empty()) owner_->tenants_.erase(found);
}

absl::Status InFlight::Stream::Hold(std::uint64_t bytes) {
  const MutexLock lock(owner_->mutex_);
  OfTenant& of_tenant = owner_->tenants_[tenant_];
  const std::uint64_t tenant_bytes = of_tenant.bytes - bytes_ + bytes;
  const std::uint64_t all_bytes = owner_->bytes_ - bytes_ + bytes;
  if (bytes > bytes_ && tenant_bytes > owner_->limits_.bytes_tenant_max) {
    return TooMuch(absl::StrCat("the tenant's streams would hold ", tenant_bytes,
                                " bytes in flight; the limit is ", owner_->limits_.bytes_tenant_max));
  }
  if (bytes > bytes_ && all_bytes > owner_->limits_.bytes_max) {
    return TooMuch(absl::StrCat("all streams together would hold ", all_bytes,
                                " bytes in flight; the limit is ", owner_->limits_.bytes_max));
  }
  of_tenant.bytes = tenant_bytes;
  owner_->bytes_ = all_bytes;
  bytes_ = bytes;
  return absl::OkStatus();
}

InFlight::Usage InFlight::usage() {
  const MutexLock lock(mutex_);
  Usage usage{bytes_, 0, calls_};
  for (const auto& [tenant, of_tenant] : tenants_) usage.streams += of_tenant.streams;
  return usage;
}

bool InFlight::Stream::HoldAhead(std::uint64_t bytes) {
  const MutexLock lock(owner_->mutex_);
  const InFlightLimits& limits = owner_->limits_;
  const std::uint64_t all_bytes = owner_->bytes_ - bytes_ + bytes;
  if (bytes > bytes_ &&
      (bytes > limits.bytes_tenant_max / limits.streams_per_tenant_max || all_bytes > limits.bytes_max / 2)) {
    return false;
  }
  owner_->tenants_[tenant_].bytes += bytes - bytes_;
  owner_->bytes_ = all_bytes;
  bytes_ = bytes;
  return true;
}

}  // namespace mirror
