// The commands below 'hub hold': they list deliveries that wait for an operator's decision, and decide them.
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/hub_output.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/hub_commands.h"

namespace mirror {
namespace {

/// Greatest number of entries of a list; the server has a limit, too.
constexpr std::uint32_t kHeldMax = 10'000;
/// Number of deliveries that a dry run shows, the same as for 'hub resume'.
constexpr std::uint32_t kPreviewMax = 20;

std::string Deliveries(std::uint64_t count) {
  return count == 1 ? "1 delivery" : absl::StrCat(Grouped(count), " deliveries");
}

std::uint64_t Sum(const v1::ListHeldResponse& answer) {
  std::uint64_t sum = 0;
  for (const v1::HubChange& change : answer.changes()) sum += change.deliveries();
  return sum;
}

absl::StatusOr<v1::ListHeldResponse> Held(AdminClient& admin, const AdminRequest& request,
                                          std::uint32_t limit) {
  v1::ListHeldRequest asked;
  asked.set_storage(request.storage);
  asked.set_limit(limit);
  asked.set_dropped(request.dropped);
  return HubClient(admin).Held(asked);
}

/// Returns a sentence such as "nothing of hub 'Acme' is held".
std::string NothingThere(const AdminRequest& request) {
  return absl::StrCat("nothing of hub '", request.storage, request.dropped ? "' was dropped" : "' is held");
}

void ListHeld(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = Held(admin, request, request.limit);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->held()));
  PrintHeld(console.out, *answer, request.width());
  const std::uint64_t all = Sum(*answer);
  if (all == 0) return SayNone(console, NothingThere(request));
  if (all > static_cast<std::uint64_t>(answer->held_size())) {
    SayNone(console, absl::StrCat("these are the oldest of ", Grouped(all), "; --limit N shows more"));
  }
  if (request.dropped) {
    SayNone(console, absl::StrCat("none of these is handed out until its content changes, or until ",
                                  QuotedCommand(absl::StrCat("mirrorctl hub hold commit ",
                                                             ShellWord(request.storage), " --dropped"))));
  }
}

void PreviewDecision(AdminClient& admin, const AdminRequest& request, Console& console, bool commits) {
  const auto answer = Held(admin, request, kPreviewMax);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  const std::uint64_t all = Sum(*answer);
  if (all == 0) {
    return SayNone(console, absl::StrCat(NothingThere(request), ". Nothing was done"));
  }
  PrintHeldSums(console.out, *answer, request.width());
  SayNone(console, absl::StrCat(Deliveries(all), " of hub '", request.storage, "' would be ",
                                commits ? "handed out" : "dropped", ". Nothing was done"));
}

std::string WhatWasDecided(std::uint64_t count, bool commits, const std::string& storage) {
  if (commits) {
    return count == 1 ? "is handed out: its system gets it after its source's next cycle\n"
                      : "are handed out: each system gets them after its source's next cycle\n";
  }
  return absl::StrCat(
      count == 1 ? "is dropped: it is not handed out until its content changes; "
                 : "are dropped: none is handed out until its content changes; ",
      QuotedCommand(absl::StrCat("mirrorctl hub hold list ", ShellWord(storage), " --dropped")),
      count == 1 ? " shows it\n" : " shows them\n");
}

void DecideHub(AdminClient& admin, const AdminRequest& request, Console& console, bool commits) {
  if (request.dry_run) return PreviewDecision(admin, request, console, commits);
  HubClient client(admin);
  const auto answer = client.Decide(request.storage, commits, request.dropped);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, Json({{"deliveries", answer->deliveries()}}));
  if (answer->deliveries() == 0) {
    SayNone(console, absl::StrCat("nothing of hub '", request.storage, "' was ",
                                  request.dropped ? "dropped" : "held"));
  } else {
    console.out << Deliveries(answer->deliveries()) << " of hub '" << Printable(request.storage) << "' "
                << WhatWasDecided(answer->deliveries(), commits, Printable(request.storage));
  }
  SayWhatStillWaits(client, request.storage, console);
}

}  // namespace

void AddHubHold(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command hold = of_hub.app.AddCommand(
      "hold", "Show and decide deliveries that wait: many at once, or for rows that are unsure");
  hold.RequireCommand();
  hold.Footer("Example:\n  mirrorctl --config dev/mirrorctl.toml hub hold list Acme");
  const AdminCommands of_hold{hold, of_hub.config_path, of_hub.console, request, "hub hold "};
  const cli::Command list = of_hold.Add(
      "list", "Show held or dropped deliveries: which rows they would write, and why they wait; no values",
      "Acme", ListHeld);
  AddHubStorage(of_hold, list);
  list.AddFlag("--dropped", request->dropped, "Show the dropped deliveries instead of the held ones");
  list.Add("--limit", request->limit, "How many at most").Within(std::uint32_t{1}, kHeldMax).ShowDefault();
  of_hold.AddWide(list);
  of_hold.AddJson(list);
  for (const bool commits : {true, false}) {
    const cli::Command decide =
        of_hold.Add(commits ? "commit" : "rollback",
                    commits ? "Hand out all held deliveries"
                            : "Drop all held deliveries: none is handed out until its content changes",
                    "Acme", [commits](AdminClient& admin, const AdminRequest& asked, Console& console) {
                      DecideHub(admin, asked, console, commits);
                    });
    AddHubStorage(of_hold, decide);
    if (commits) {
      decide.AddFlag("--dropped", request->dropped,
                     "Hand out the dropped deliveries instead of the held ones");
    }
    decide.AddFlag("--dry-run", request->dry_run, "Show how many there are, and the first ones; do nothing");
    of_hold.AddWide(decide);
    of_hold.AddJson(decide, "Print an object");
  }
}

}  // namespace mirror
