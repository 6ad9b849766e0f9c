// 'mirrorctl tenants': shows the state of the tenants of one server or several.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"

namespace mirror {
namespace {

v1::ListTenantsRequest TenantsAskedFor(const AdminRequest& request) {
  v1::ListTenantsRequest message;
  message.set_name_pattern(request.pattern);
  message.mutable_states()->Add(request.states.begin(), request.states.end());
  message.set_problems(request.failed);
  if (request.order == "problems") message.set_order(v1::TENANT_ORDER_PROBLEMS);
  if (request.order == "oldest") message.set_order(v1::TENANT_ORDER_OLDEST);
  return message;
}

/// The tenants to print, with what else is needed for it.
struct TenantList {
  v1::ListTenantsResponse answer;
  const LineServers* servers = nullptr;  ///< Null: one server was asked.
  std::string where = {};                ///< For several servers: a text such as "at 2 of 3 servers".
  bool unfiltered = false;               ///< An older server ignored the filter and returned all its tenants.
};

/// Returns true if no tenant matches the name pattern, which is then probably mistyped.
bool MatchesNone(const AdminRequest& request, const v1::ListTenantsResponse& answer) {
  if (request.pattern.empty() || answer.tenants_size() > 0) return false;
  std::uint64_t named = 0;
  for (const v1::TenantCount& total : answer.totals()) named += total.tenants();
  return named == 0 || (!request.failed && request.states.empty());
}

void SayNoTenant(const AdminRequest& request, const TenantList& list, Console& console) {
  const std::string where = list.where.empty() ? "" : absl::StrCat(" ", list.where);
  if (request.failed || !request.states.empty()) {
    SayNone(console, absl::StrCat("no tenant", where, " matches your request"));
  } else {
    SayNone(console, absl::StrCat("there are no tenants yet", where, ". A source's first cycle makes one"));
  }
}

/// Prints the tenants. With --failed, a problem also sets the exit code for scripts, as 'doctor' does.
void ShowTenants(const TenantList& list, const AdminRequest& request, Console& console) {
  const v1::ListTenantsResponse& answer = list.answer;
  const bool is_mistake = !list.unfiltered && MatchesNone(request, answer);
  // In a watch the exit code is not set, because the user sees the list.
  const bool found_problems =
      request.failed && !list.unfiltered && !request.watched && answer.tenants_size() > 0;
  if (is_mistake) {
    SayNone(console,
            absl::StrCat("no tenant", list.where.empty() ? "" : " ", list.where, " matches '",
                         request.pattern, "'. Nothing is shown. 'mirrorctl tenants' lists all of them"));
  }
  if (is_mistake || found_problems) console.exit_code = Console::kFailed;
  if (request.json) return PrintJson(console.out, ToJsonArray(answer.tenants(), list.servers));
  PrintTenants(console.out, answer, request.width(), NowMs(), list.servers, list.where);
  if (answer.tenants_size() == 0 && !is_mistake) SayNoTenant(request, list, console);
  for (std::size_t i = 0; i < static_cast<std::size_t>(answer.tenants_size()); ++i) {
    const v1::Tenant& tenant = answer.tenants(static_cast<int>(i));
    const std::string named = list.servers == nullptr
                                  ? tenant.context_id()
                                  : absl::StrCat(list.servers->at(i), ": ", tenant.context_id());
    if (!tenant.quarantine().empty()) Warn(console, absl::StrCat(named, ": ", tenant.quarantine()));
    if (tenant.hub().suspended_ms() > 0) Warn(console, absl::StrCat(named, ": ", tenant.hub().stopped()));
  }
}

/// Returns true if an older server ignored the filter: it sends no totals.
bool IsUnfiltered(const v1::ListTenantsResponse& answer) {
  return answer.tenants_size() > 0 && answer.totals_size() == 0;
}

constexpr char kOlder[] = "is older than this mirrorctl: it shows all tenants, without their states";

void ListTenants(AdminClient& admin, const AdminRequest& request, Console& console) {
  absl::StatusOr<v1::ListTenantsResponse> answer = admin.Tenants(TenantsAskedFor(request));
  if (!answer.ok()) return Fail(console, answer.status());
  TenantList list{.answer = *std::move(answer)};
  list.unfiltered = IsUnfiltered(list.answer);
  if (list.unfiltered) Warn(console, absl::StrCat("the server ", kOlder));
  ShowTenants(list, request, console);
}

// --- Several servers ----------------------------------------------------------

/// Returns the rank of a tenant in the requested order, as the servers define it: see TenantOrder.
std::int64_t RankOf(const v1::Tenant& tenant, const std::string& order) {
  if (order == "oldest") {
    if (tenant.state() == "deleted" || tenant.door() == "records")
      return std::numeric_limits<std::int64_t>::max();
    return tenant.oldest_source_ms() > 0 ? tenant.oldest_source_ms() : tenant.last_completed_ms();
  }
  if (order != "problems") return 0;
  const std::vector<std::string>& states = TenantStates();
  const auto found = std::find(states.begin(), states.end(), tenant.state());
  if (found != states.end()) return found - states.begin();
  // The state is one of a newer server.
  return tenant.problem() ? -1 : static_cast<std::int64_t>(states.size());
}

/// Adds up the totals of all servers, in the order that one server uses.
void AddTotals(const std::vector<ServerAnswer<v1::ListTenantsResponse>>& answers,
               v1::ListTenantsResponse* merged) {
  std::map<std::pair<std::int64_t, std::string>, std::uint32_t> totals;
  for (const ServerAnswer<v1::ListTenantsResponse>& one : answers) {
    for (const v1::TenantCount& total : one.answer.totals()) {
      v1::Tenant tenant;
      tenant.set_state(total.state());
      totals[{RankOf(tenant, "problems"), total.state()}] += total.tenants();
    }
  }
  for (const auto& [place, count] : totals) {
    v1::TenantCount* const total = merged->add_totals();
    total->set_state(place.second);
    total->set_tenants(count);
  }
}

void ListTenantsOfAll(const Overview& servers, const AdminRequest& request, Console& console) {
  std::vector<ServerAnswer<v1::ListTenantsResponse>> answers = servers.Ask<v1::ListTenantsResponse>(
      [&](AdminClient& admin) { return admin.Tenants(TenantsAskedFor(request)); });
  TenantList list{.where = servers.Where(answers.size())};
  for (const ServerAnswer<v1::ListTenantsResponse>& one : answers) {
    if (!IsUnfiltered(one.answer)) continue;
    list.unfiltered = true;
    Warn(console, absl::StrCat("the server at ", one.server, " ", kOlder));
  }
  AddTotals(answers, &list.answer);
  const LineServers lines = MergeLines(
      &answers, [](v1::ListTenantsResponse* answer) { return answer->mutable_tenants(); },
      [&](const v1::Tenant& tenant) {
        return std::pair(RankOf(tenant, request.order), FoldName(tenant.context_id()));
      },
      &list.answer);
  list.servers = &lines;
  if (!answers.empty()) return ShowTenants(list, request, console);
  // The errors are printed already. It is not known whether there are such tenants.
  if (request.json) PrintJson(console.out, Json::array());
}

}  // namespace

void AddTenantsCommand(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command tenants = commands.Add("tenants", "Show tenants, those with problems first",
                                            "'Cust*' --failed", ListTenants, ListTenantsOfAll);
  tenants.Add("pattern", request->pattern, "Only tenants with this context id; * stands for any characters")
      .Completes(TenantNames);
  tenants.AddFlag(
      "--failed", request->failed,
      "Only tenants with problems: damaged, failing, held, differs, unsent, late, incomplete; exit "
      "code 1: there are some");
  tenants.Add("--state", request->states, "Only tenants in one of these states")
      .OneOf(TenantStates())
      .AsItStands()
      .TakeAll();
  tenants.Add("--sort", request->order, "The order of the tenants")
      .OneOf({"problems", "name", "oldest"})
      .ShowDefault();
  commands.AddWatch(tenants);
  commands.AddWide(tenants);
  commands.AddJson(tenants);
}

}  // namespace mirror
