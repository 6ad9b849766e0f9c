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

/// Keeps the summaries of tenants in the catalog, so that a restarted server need
/// not open all databases to know when each tenant was last served. The catalog is
/// an index: a missing summary is made when the tenant is next opened. Threads: one.
class SummaryKeeper {
 public:
  /// Both arguments must outlive this object. `shared`: other servers use the same catalog and tenants.
  SummaryKeeper(Catalog& catalog, Tenants& tenants, bool shared = false)
      : catalog_(catalog), tenants_(tenants), shared_(shared) {}

  /// Called at the start, before the first call.
  void Restore();
  /// Writes the changed summaries, in one transaction. If another server has kept
  /// a summary of a tenant that this one has not read yet, each summary may lack
  /// data of the other: the tenant's summary is then made anew from its mirror.
  void Keep();
  /// Reads summaries that other servers kept, except
  /// for tenants that changed here since Keep().
  void TakeOthers();

 private:
  /// False: another server's summaries of some tenants are in the way.
  bool KeepChanged();
  absl::StatusOr<std::map<std::string, std::string>> Write(const std::map<std::string, std::string>& changed,
                                                           const std::map<std::string, std::string>& gone);

  Catalog& catalog_;
  Tenants& tenants_;
  const bool shared_;
  /// The catalog's content for a tenant. A summary object is never
  /// changed, only replaced: the same object means the same text.
  struct Kept {
    std::shared_ptr<const TenantSummary> summary;
    std::int64_t progress_ms = 0;
    std::size_t text = 0;  ///< Hash of the text as last written or read; 0: none.
    bool unknown = false;  ///< The text is another server's, and this summary was not made after it.
  };
  std::map<std::string, Kept> kept_;  ///< By context id.
  bool failing_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_SUMMARY_KEEPER_H_
