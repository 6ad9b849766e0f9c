#ifndef MIRROR_SERVER_TENANT_TENANT_LIST_H_
#define MIRROR_SERVER_TENANT_TENANT_LIST_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/tenant_summary.h"
#include "server/tenant/mirror/cycle_book.h"

// Shows many tenants to an operator: the state of each, selection, order, pages. Pure: uses only what is
// known without opening a database.

namespace mirror {

/// States from worst to best. Tenant.state in mirror_admin.proto describes each.
enum class TenantState : std::uint8_t {
  kDamaged,
  kFailing,
  kHeld,
  kDiffers,
  kUnsent,
  kLate,
  kIncomplete,
  kUnknown,
  kPaused,
  kDeleted,
  kActive,
  kGood,
};
std::string_view ToString(TenantState state);
/// Returns whether an operator should check the tenant.
bool IsProblem(TenantState state);

/// A hub's report about a member tenant.
struct TenantInHub {
  std::string storage, data_source;
  std::int64_t suspended_ms = 0;                  ///< Begin of the suspension; 0: not suspended.
  bool source_restored = false;                   ///< The suspension's reason is that the source itself was
                                                  ///< restored.
  std::uint64_t open = 0, held = 0, refused = 0;  ///< Numbers of its deliveries; `refused` is part of `open`.
  std::uint64_t frozen = 0;  ///< Number of frozen golden records with one of its rows: systems overwrite each
                             ///< other's values.
  std::string stopped = {};  ///< Why the tenant gets no deliveries, or not all; empty: it gets all.
  friend bool operator==(const TenantInHub&, const TenantInHub&) = default;

  /// Returns whether the tenant waits for an operator because of the hub.
  bool Waits() const { return suspended_ms > 0 || held > 0 || frozen > 0; }
};

/// Everything that is known about a tenant.
struct ListedTenant {
  std::string context_id;
  std::shared_ptr<const TenantSummary> summary;  ///< Never null.
  std::int64_t progress_ms = 0;
  std::size_t late = 0;  ///< Number of tables that are older than their target.
  bool deleted = false;
  CycleBook::Now rows = {};
  std::shared_ptr<const TenantInHub> hub = nullptr;  ///< Null: it is not a member of a hub.
};
TenantState StateOf(const ListedTenant& tenant);
/// Returns whether an operator should check the tenant; also if the tenant is quarantined.
bool IsProblem(const ListedTenant& tenant);

/// Values as in TenantOrder of the protocol.
enum class TenantOrder : std::uint8_t { kName, kProblems, kOldest };

struct TenantQuery {
  std::string name_pattern = {};      ///< Empty: all.
  std::set<std::string> states = {};  ///< Empty: all.
  bool problems = false;
  TenantOrder order = TenantOrder::kName;
  std::size_t page_size = 0;  ///< 0: kTenantsPerPageMax.
  std::string page_token = {};
};
inline constexpr std::size_t kTenantsPerPageMax = 10'000;

struct TenantPage {
  std::vector<const ListedTenant*> tenants;     ///< In the requested order.
  std::string next_page_token;                  ///< Empty: this is the last page.
  std::map<TenantState, std::uint32_t> totals;  ///< Of all tenants that match the name pattern.
};
/// Returns a page. Errors: kInvalidArgument: this function did not make the page token, or made it for
/// another order.
absl::StatusOr<TenantPage> PageOf(const std::vector<ListedTenant>& tenants, const TenantQuery& query);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TENANT_LIST_H_
