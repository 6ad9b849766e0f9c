#ifndef MIRROR_SERVER_TENANT_SUMMARY_KEEPER_H_
#define MIRROR_SERVER_TENANT_SUMMARY_KEEPER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/plan/tenant_summary.h"
#include "server/store/catalog/catalog.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// Keeps in the catalog what is known of tenants without their databases, so that a restarted server need not
/// open all of them to know when each was last served. The catalog is an index: what it does not have is
/// known when the tenant is next opened. Threads: one.
class SummaryKeeper {
 public:
  /// Both outlive it. `shared`: other servers have the same catalog and tenants.
  SummaryKeeper(Catalog& catalog, Tenants& tenants, bool shared = false)
      : catalog_(catalog), tenants_(tenants), shared_(shared) {}

  /// At the start, before the first call.
  void Restore();
  /// Writes what changed since, in one transaction. Where another server kept something of a tenant that
  /// this one has not taken from there, neither summary need have what the other's has: the tenant's is
  /// made anew from its mirror before it is kept.
  void Keep();
  /// Takes from the catalog what other servers kept there, but of a tenant that has changed here since
  /// Keep().
  void TakeOthers();

 private:
  /// False: another server's summaries of some tenants are in the way.
  bool KeepChanged();
  absl::StatusOr<std::map<std::string, std::string>> Write(const std::map<std::string, std::string>& changed,
                                                           const std::map<std::string, std::string>& gone);

  Catalog& catalog_;
  Tenants& tenants_;
  const bool shared_;
  /// What the catalog has of a tenant. The summary is never changed, only replaced: the same one is the same
  /// text.
  struct Kept {
    std::shared_ptr<const TenantSummary> summary;
    std::int64_t progress_ms = 0;
    std::size_t text = 0;  ///< Its hash, as it was written or read last; 0: there was none.
    bool unknown = false;  ///< The text is another server's, and this one's summary was not made behind it.
  };
  std::map<std::string, Kept> kept_;  ///< By context id.
  bool failing_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_SUMMARY_KEEPER_H_
