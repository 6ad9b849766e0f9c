#include "server/rpc/admitted_rows.h"

#include "base/clocks/shared_clock.h"

namespace mirror {

std::vector<RowAnswer> AdmittedRows::Apply(const std::vector<const RowRequest*>& requests) {
  // Here and not where a message is read: what waited must not be applied for a key that is gone by now.
  const absl::Status admitted = gate_.AdmitAgain(context_, caller_, SharedNowMs() / 1'000, &standing_);
  if (!admitted.ok()) return std::vector<RowAnswer>(requests.size(), admitted);
  return tenant_.ApplyAll(caller_, requests, SharedNowMs());
}

}  // namespace mirror
