// Tenants, for people.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/output_words.h"

namespace mirror {
namespace {

/// When the last cycle was; of records there is none.
std::string CycleAge(const v1::Tenant& tenant, std::int64_t now_ms) {
  if (tenant.door() == "records") return "";
  return tenant.last_completed_ms() == 0 ? "never" : AgeText(tenant.last_completed_ms(), now_ms);
}

/// What stands behind a tenant's state, in few words.
std::string NoteOf(const v1::Tenant& tenant, std::int64_t now_ms) {
  std::vector<std::string> notes;
  const auto counted = [&](std::uint32_t count, const char* one, const char* more) {
    if (count > 0) notes.push_back(absl::StrCat(Grouped(count), count == 1 ? one : more));
  };
  if (!tenant.quarantine().empty()) notes.push_back(tenant.quarantine());
  if (tenant.failing_since_ms() > 0) {
    notes.push_back(absl::StrCat("cycles have failed for ", AgeText(tenant.failing_since_ms(), now_ms), ": ",
                                 tenant.failure()));
  }
  if (!tenant.waiting_source_id().empty()) notes.emplace_back("another source waits");
  counted(tenant.holds(), " hold", " holds");
  counted(tenant.tables_differing(), " table differs", " tables differ");
  counted(tenant.tables_unsent(), " table not sent by its source", " tables not sent by its source");
  counted(tenant.tables_late(), " table too old", " tables too old");
  counted(tenant.tables_refused(), " table refused", " tables refused");
  counted(tenant.tables_unpopulated(), " table unpopulated", " tables unpopulated");
  if (tenant.hub().suspended_ms() > 0) {
    notes.push_back(absl::StrCat("suspended in hub '", tenant.hub().storage(), "' for ",
                                 AgeText(tenant.hub().suspended_ms(), now_ms)));
  } else if (!tenant.hub().stopped().empty()) {
    notes.push_back(tenant.hub().stopped());
  }
  const auto deliveries = [&](std::uint64_t count, const char* what) {
    if (count > 0)
      notes.push_back(absl::StrCat(Grouped(count), count == 1 ? " delivery " : " deliveries ", what));
  };
  deliveries(tenant.hub().held(), "held");
  deliveries(tenant.hub().refused(), "refused");
  if (tenant.hub().frozen() > 0)
    notes.push_back(absl::StrCat(Counted(tenant.hub().frozen(), "golden record"), " frozen"));
  if (tenant.paused()) {
    notes.push_back(tenant.pause_reason().empty() ? "paused"
                                                  : absl::StrCat("paused: ", tenant.pause_reason()));
  }
  return absl::StrJoin(notes, ", ");
}

}  // namespace

const std::vector<std::string>& TenantStates() {
  static const std::vector<std::string> kStates = {"damaged", "failing", "held",       "differs",
                                                   "unsent",  "late",    "incomplete", "unknown",
                                                   "paused",  "deleted", "active",     "good"};
  return kStates;
}

void PrintTenants(std::ostream& out, const v1::ListTenantsResponse& answer, std::size_t width,
                  std::int64_t now_ms, const LineServers* servers, const std::string& where) {
  ServerTable table({{"tenant"},
                     {"state"},
                     {.name = "cycle", .goes = 4},
                     {.name = "data", .goes = 5},
                     {.name = "tables", .number = true, .goes = 1},
                     {.name = "rows", .number = true, .goes = 3},
                     {.name = "size", .number = true, .goes = 2},
                     {.name = "note", .one_line = true}},
                    servers, width);
  for (const v1::Tenant& tenant : answer.tenants()) {
    const auto age = [&](std::int64_t then_ms) { return then_ms == 0 ? "" : AgeText(then_ms, now_ms); };
    table.Add({tenant.context_id(),
               {tenant.state(), StateColour(tenant.state())},
               CycleAge(tenant, now_ms),
               age(tenant.oldest_source_ms()),
               Grouped(tenant.tables()),
               RowsText(tenant.rows()),
               SizeText(tenant.bytes()),
               NoteOf(tenant, now_ms)});
  }
  table.Print(out);
  std::uint64_t all = 0, tables = 0, rows = 0, bytes = 0;
  for (const v1::Tenant& tenant : answer.tenants()) {
    tables += tenant.tables();
    rows += static_cast<std::uint64_t>(std::max<std::int64_t>(0, tenant.rows()));
    bytes += tenant.bytes();
  }
  std::vector<std::string> states;
  for (const v1::TenantCount& total : answer.totals()) {
    all += total.tenants();
    states.push_back(absl::StrCat(Grouped(total.tenants()), " ", Printable(total.state())));
  }
  if (all == 0) return;
  if (table.any() || TerminalOf(out).height == 0) out << '\n';
  out << Counted(all, "tenant") << (where.empty() ? "" : " ") << where << ": " << absl::StrJoin(states, ", ");
  const auto shown = static_cast<std::uint64_t>(answer.tenants_size());
  out << "; ";
  if (shown != all) out << "shown: " << Grouped(shown) << ", with ";
  out << Counted(tables, "table") << ", " << Counted(rows, "row") << ", " << SizeText(bytes) << '\n';
}

}  // namespace mirror
