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

// How many tenants are shown to an operator: in which state each is, which of them, in what order, and a page
// at a time. Pure: made of what is known without a database.

namespace mirror {

/// The worst first; Tenant.state in mirror_admin.proto says what each means.
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
/// Whether somebody should look.
bool IsProblem(TenantState state);

/// What a hub has to say of a tenant that is its member.
struct TenantInHub {
  std::string storage, data_source;
  std::int64_t suspended_ms = 0;                  ///< Since when it is; 0: it is not.
  bool source_restored = false;                   ///< Its source itself was restored, which suspended it.
  std::uint64_t open = 0, held = 0, refused = 0;  ///< Deliveries for it; `refused` are of the open ones.
  std::uint64_t frozen = 0;  ///< Golden records with a row of it in which systems fight over a value.
  std::string stopped = {};  ///< Why nothing, or not all, is handed out to it; empty: all is.
  friend bool operator==(const TenantInHub&, const TenantInHub&) = default;

  /// For an operator.
  bool Waits() const { return suspended_ms > 0 || held > 0 || frozen > 0; }
};

/// What is known of a tenant.
struct ListedTenant {
  std::string context_id;
  std::shared_ptr<const TenantSummary> summary;  ///< Never null.
  std::int64_t progress_ms = 0;
  std::size_t late = 0;  ///< Tables that are older than their target.
  bool deleted = false;
  CycleBook::Now rows = {};
  std::shared_ptr<const TenantInHub> hub = nullptr;  ///< Null: it is a member of none.
};
TenantState StateOf(const ListedTenant& tenant);
/// The same, or there is a quarantine.
bool IsProblem(const ListedTenant& tenant);

/// As TenantOrder of the wire.
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
  std::vector<const ListedTenant*> tenants;     ///< In order.
  std::string next_page_token;                  ///< Empty: the last.
  std::map<TenantState, std::uint32_t> totals;  ///< Of all that the name pattern means.
};
/// Errors: kInvalidArgument for a page token that this function did not give, or gave for another order.
absl::StatusOr<TenantPage> PageOf(const std::vector<ListedTenant>& tenants, const TenantQuery& query);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TENANT_LIST_H_
