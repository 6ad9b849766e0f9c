#ifndef MIRROR_SERVER_SUMMARY_KEEPER_H_
#define MIRROR_SERVER_SUMMARY_KEEPER_H_

#include <map>
#include <string>

#include "server/store/catalog.h"
#include "server/tenants.h"

namespace mirror {

/// Keeps in the catalog what is known of tenants without their databases, so that a restarted server need not
/// open all of them to know when each was last served. The catalog is an index: what it does not have is
/// known when the tenant is next opened. Threads: one.
class SummaryKeeper {
 public:
  /// Both outlive it.
  SummaryKeeper(Catalog& catalog, Tenants& tenants) : catalog_(catalog), tenants_(tenants) {}

  /// At the start, before the first call.
  void Restore();
  /// Writes what changed since, in one transaction.
  void Keep();

 private:
  Catalog& catalog_;
  Tenants& tenants_;
  std::map<std::string, std::string> kept_;  ///< By context id, as the catalog has them.
  bool failing_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SUMMARY_KEEPER_H_
