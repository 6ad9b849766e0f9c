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

/// Keeps the summaries of tenants in the catalog. So a restarted server knows when each tenant was last
/// served without opening all databases. The catalog is an index: a missing summary is made again when the
/// tenant is opened. Threads: one.
class SummaryKeeper {
 public:
  /// Both arguments must outlive this object. `shared`: other servers use the same catalog and tenants.
  SummaryKeeper(Catalog& catalog, Tenants& tenants, bool shared = false)
      : catalog_(catalog), tenants_(tenants), shared_(shared) {}

  /// Reads the kept summaries. Called at the start, before any other call.
  void Restore();
  /// Writes the changed summaries, in one transaction. Another server may have kept a summary of a tenant
  /// that this server has not read yet. Then each of the two summaries may lack data of the other, and the
  /// summary is made again from the mirror.
  void Keep();
  /// Reads summaries that other servers kept. Leaves out tenants that changed on this server since Keep().
  void TakeOthers();

 private:
  /// Returns false if other servers wrote summaries of some of the tenants first.
  bool KeepChanged();
  absl::StatusOr<std::map<std::string, std::string>> Write(const std::map<std::string, std::string>& changed,
                                                           const std::map<std::string, std::string>& gone);

  Catalog& catalog_;
  Tenants& tenants_;
  const bool shared_;
  /// The catalog's content for a tenant. A summary object is only replaced, never changed. So the same object
  /// means the same text.
  struct Kept {
    std::shared_ptr<const TenantSummary> summary;
    std::int64_t progress_ms = 0;
    std::size_t text = 0;  ///< Hash of the text as last written or read; 0: none.
    bool unknown = false;  ///< Another server wrote the text, and this summary was made without it.
  };
  std::map<std::string, Kept> kept_;  ///< By context id.
  bool failing_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_SUMMARY_KEEPER_H_
