// The commands below 'hold': they list changes that wait for a decision, and decide them.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/dry_runs.h"

namespace mirror {
namespace {

void ListHolds(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto answer = admin.ListHolds(request.context_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->holds()));
  PrintHolds(console.out, *answer, request.width(), NowMs());
  if (answer->holds_size() > 0) return;
  SayNone(console, request.context_id.empty()
                       ? std::string("nothing is held")
                       : absl::StrCat("nothing of '", admin.SpelledAs(request.context_id), "' is held"));
}

void ListHoldsOfAll(const Overview& servers, const AdminRequest& request, Console& console) {
  std::vector<ServerAnswer<v1::ListHoldsResponse>> answers = servers.Ask<v1::ListHoldsResponse>(
      [&](AdminClient& admin) { return admin.ListHolds(request.context_id); });
  v1::ListHoldsResponse all;
  const LineServers lines = MergeLines(
      &answers, [](v1::ListHoldsResponse* answer) { return answer->mutable_holds(); },
      [](const v1::Hold& hold) { return std::pair(FoldName(hold.context_id()), hold.hold_id()); }, &all);
  if (request.json) return PrintJson(console.out, ToJsonArray(all.holds(), &lines));
  PrintHolds(console.out, all, request.width(), NowMs(), &lines);
  if (!lines.empty() || answers.empty()) return;
  SayNone(console, absl::StrCat("nothing ",
                                request.context_id.empty() ? std::string()
                                                           : absl::StrCat("of '", request.context_id, "' "),
                                "is held ", servers.Where(answers.size())));
}

/// Parses the name of a hold, TENANT:NUMBER.
absl::StatusOr<std::pair<std::string, std::uint64_t>> ParseHold(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  std::uint64_t id = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(name.substr(colon + 1), &id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name,
                     "' is not a hold. Nothing was changed. Give one as 'mirrorctl "
                     "hold list' shows it, TENANT:NUMBER"));
  }
  return std::pair(name.substr(0, colon), id);
}

/// Describes what the decision does. An older server names no kind.
std::string Happens(const std::string& kind, bool commits) {
  const std::string named = kind.empty() ? "" : absl::StrCat(" (", Printable(kind), ")");
  if (commits) {
    return absl::StrCat(named, " is allowed once, in the next cycle: what is held and up to 10 % more");
  }
  if (kind == "source")
    return absl::StrCat(named, " is refused: nothing of it is applied until 'accept-source'");
  return absl::StrCat(named,
                      " is refused: nothing of it is applied until you allow it or the source asks for less",
                      kind.empty() ? "; a hold of another source stays refused until 'accept-source'" : "");
}

void DecideHold(AdminClient& admin, const AdminRequest& request, Console& console, bool commits) {
  const auto hold = ParseHold(request.hold);
  if (!hold.ok()) {
    Fail(console, hold.status());
    console.exit_code = Console::kWrongUsage;
    return;
  }
  std::optional<v1::Hold> decided;
  if (commits) {
    v1::CommitHoldRequest message;
    message.set_context_id(hold->first);
    message.set_hold_id(hold->second);
    const auto answer = DoAsMeant<v1::CommitHoldRequest, v1::CommitHoldResponse>(
        admin, request, console, message, Question::kYes,
        [&](const v1::CommitHoldRequest& asked) { return admin.CommitHold(asked); });
    if (!answer) return;
    decided = answer->hold();
  } else {
    const auto answer = admin.RollbackHold(hold->first, hold->second);
    if (!answer.ok()) return Fail(console, answer.status());
    decided = *answer;
  }
  console.out << Printable(absl::StrCat(admin.SpelledAs(hold->first), ":", hold->second))
              << Happens(decided->kind(), commits) << '\n';
}

void ShowHold(AdminClient& admin, const AdminRequest& request, Console& console) {
  const auto name = ParseHold(request.hold);
  if (!name.ok()) {
    Fail(console, name.status());
    console.exit_code = Console::kWrongUsage;
    return;
  }
  const auto answer = admin.ListHolds(name->first, /*with_keys=*/true);
  if (!answer.ok()) return Fail(console, answer.status());
  for (const v1::Hold& hold : answer->holds()) {
    if (hold.hold_id() != name->second) continue;
    if (request.json) return PrintJson(console.out, ToJson(hold));
    return PrintHold(console.out, hold);
  }
  Fail(console, absl::NotFoundError(
                    absl::StrCat("there is no hold '", request.hold,
                                 "'. Nothing was changed. 'mirrorctl hold list' shows the existing holds")));
}

}  // namespace

void AddHoldCommands(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command hold = commands.app.AddCommand(
      "hold", "Show and decide what waits for you: deletes of many rows or tables, another source");
  hold.RequireCommand();
  hold.Footer("Example:\n  mirrorctl --config dev/mirrorctl.toml hold list");
  const AdminCommands of_hold{hold,    commands.config_path, commands.console, request,
                              "hold ", commands.configs};
  const cli::Command list = of_hold.Add("list", "Show what is held", "", ListHolds, ListHoldsOfAll);
  of_hold.AddContext(list, false);
  of_hold.AddWide(list);
  of_hold.AddJson(list);
  const cli::Command show =
      of_hold.Add("show", "Show a hold in full, and the commands to decide it", "Cust26759:3", ShowHold);
  show.Add("ID", request->hold, "As 'mirrorctl hold list' shows it").Required().Completes(HoldNames);
  of_hold.AddJson(show, "Print an object");
  for (const bool commits : {true, false}) {
    const cli::Command decide = of_hold.Add(
        commits ? "commit" : "rollback",
        commits ? "Allow a hold once: what is held and up to 10 % more"
                : "Refuse a hold until the source asks for less",
        "Cust26759:3", [commits](AdminClient& admin, const AdminRequest& asked, Console& console) {
          DecideHold(admin, asked, console, commits);
        });
    decide.Add("ID", request->hold, "As 'mirrorctl hold list' shows it").Required().Completes(HoldNames);
    if (commits) of_hold.AddDryRun(decide, /*has_json=*/false);
  }
}

}  // namespace mirror
