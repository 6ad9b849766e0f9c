// The command 'hub refused': shows deliveries that a system refused, with the reasons.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/hub_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/hub_commands.h"

namespace mirror {
namespace {

/// Greatest number of entries of a list; the server has a limit, too.
constexpr std::uint32_t kRefusedMax = 10'000;
/// Number of deliveries that are shown after a hub's status, enough to see the reason.
constexpr std::uint32_t kFirstMax = 5;

absl::StatusOr<v1::ListRefusedResponse> Refused(HubClient& client, const std::string& storage,
                                                const std::string& data_source, std::uint32_t limit) {
  v1::ListRefusedRequest asked;
  asked.set_storage(storage);
  asked.set_data_source(data_source);
  asked.set_limit(limit);
  return client.Refused(asked);
}

/// Prints a line for each delivery. Prints no values.
void PrintRefused(std::ostream& out, const v1::ListRefusedResponse& answer, std::size_t width) {
  TextTable table({{.name = "to", .whole = true},
                   {.name = "table", .goes = 3, .whole = true},
                   {.name = "operation", .goes = 4, .whole = true},
                   {.name = "key"},
                   {.name = "record", .goes = 2, .whole = true},
                   {.name = "delivery", .goes = 1, .whole = true},
                   {.name = "how often", .goes = 5, .whole = true},
                   {.name = "next try", .goes = 6, .whole = true},
                   {"why"}},
                  width);
  for (const v1::RefusedDelivery& one : answer.refused()) {
    const v1::GoldenDelivery& delivery = one.delivery();
    table.Add({delivery.data_source(),
               delivery.table(),
               delivery.operation(),
               delivery.key(),
               one.golden_id(),
               delivery.delivery_id(),
               {delivery.refusals() == 1 ? "once" : absl::StrCat(Grouped(delivery.refusals()), " times"),
                Colour::kYellow},
               delivery.tried_again_ms() == 0 ? "" : TimeText(delivery.tried_again_ms()),
               delivery.refusal()});
  }
  table.Print(out);
}

bool IsAnyRefused(const v1::HubState& hub) {
  return std::any_of(hub.members().begin(), hub.members().end(),
                     [](const v1::HubMemberState& member) { return member.refused() > 0; });
}

void ListRefused(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  const auto answer = Refused(client, request.storage, request.data_source, request.limit);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->refused()));
  PrintRefused(console.out, *answer, request.width());
  if (answer->deliveries() == 0) {
    return SayNone(console, request.data_source.empty()
                                ? absl::StrCat("nothing of hub '", request.storage, "' is refused")
                                : absl::StrCat("'", request.data_source, "' refuses nothing of hub '",
                                               request.storage, "'"));
  }
  if (answer->deliveries() > static_cast<std::uint64_t>(answer->refused_size())) {
    SayNone(console, absl::StrCat("these are the oldest of ", Grouped(answer->deliveries()),
                                  "; --limit N shows more"));
  }
  SayNone(console, kMendRefused);
}

}  // namespace

void ShowFirstRefused(HubClient& client, const v1::HubState& hub, std::size_t width, Console& console) {
  if (!IsAnyRefused(hub)) return;
  const auto answer = Refused(client, hub.storage(), "", kFirstMax);
  // A viewer may not see the deliveries. The sentences that follow have their number.
  if (absl::IsPermissionDenied(answer.status())) return;
  if (!answer.ok()) return Fail(console, answer.status());
  console.out << "\nrefused of " << Printable(hub.storage()) << ", "
              << (answer->deliveries() > static_cast<std::uint64_t>(answer->refused_size())
                      ? absl::StrCat("the oldest of ", Grouped(answer->deliveries()))
                      : std::string("all"))
              << ":\n";
  PrintRefused(console.out, *answer, width);
}

Json FirstRefusedJson(HubClient& client, const v1::HubState& hub) {
  if (!IsAnyRefused(hub)) return Json::array();
  const auto answer = Refused(client, hub.storage(), "", kFirstMax);
  return answer.ok() ? ToJsonArray(answer->refused()) : Json();
}

void AddHubRefused(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command refused = of_hub.Add(
      "refused", "Show deliveries that a system refused: how often, why, and when it retries; no values",
      "Acme", ListRefused);
  AddHubStorage(of_hub, refused);
  refused.Add("data_source", request->data_source, "Only those that this member refused")
      .Completes(HubMemberNames);
  refused.Add("--limit", request->limit, "How many at most")
      .Within(std::uint32_t{1}, kRefusedMax)
      .ShowDefault();
  of_hub.AddWide(refused);
  of_hub.AddJson(refused);
}

}  // namespace mirror
