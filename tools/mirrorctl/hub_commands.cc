// The commands below 'hub': they show the state of golden records and their systems, and carry out the
// operator's decisions.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/hub_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/hub_commands.h"

namespace mirror {
namespace {

/// Greatest number of entries of a list; the server has a limit, too.
constexpr std::uint32_t kDuplicatesMax = 10'000;

void SayWhatWaits(const v1::ListHubsResponse& answer, Console& console) {
  const std::int64_t now_ms = NowMs();
  for (const v1::HubState& hub : answer.hubs()) {
    for (const HubWait& wait : WhatHubWaitsFor(hub, now_ms)) SayNone(console, wait.Sentence());
  }
}

void ShowStatus(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  const auto answer = client.Hubs(request.storage);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) {
    Json hubs = Json::array();
    for (const v1::HubState& hub : answer->hubs()) {
      Json json = ToJson(hub);
      json["refused_deliveries"] = FirstRefusedJson(client, hub);
      hubs.push_back(std::move(json));
    }
    return PrintJson(console.out, hubs);
  }
  PrintHubs(console.out, *answer, request.width(), NowMs());
  for (const v1::HubState& hub : answer->hubs()) ShowFirstRefused(client, hub, request.width(), console);
  if (answer->hubs().empty()) {
    return SayNone(
        console, "there is no hub: each [[hub]] in mirror-server.toml makes one, at the server's next start");
  }
  SayWhatWaits(*answer, console);
}

v1::ResumeHubRequest ResumeAsked(const AdminRequest& request) {
  v1::ResumeHubRequest asked;
  asked.set_storage(request.storage);
  asked.set_data_source(request.data_source);
  asked.set_insert(request.insert);
  asked.set_without(request.without);
  asked.set_dry_run(request.dry_run);
  if (request.take == "theirs") asked.set_take(v1::HUB_TAKE_THEIRS);
  if (request.take == "ours") asked.set_take(v1::HUB_TAKE_OURS);
  if (request.take == "newest") asked.set_take(v1::HUB_TAKE_NEWEST);
  return asked;
}

/// Returns a text that says which values apply after members were resumed.
std::string WhatCounts(const v1::ResumeHubRequest& asked) {
  switch (asked.take()) {
    case v1::HUB_TAKE_THEIRS:
      return "its values win, and its new records are also inserted in the other systems";
    case v1::HUB_TAKE_OURS:
      return "the hub's values are written back to it";
    case v1::HUB_TAKE_NEWEST:
      return "where values differ, the later one wins";
    default:
      return absl::StrCat(
          "differing values count as edited there, missing records are not inserted there again, and new "
          "records ",
          asked.insert() ? "are also inserted in the other systems" : "stay only there");
  }
}

std::string NothingResumed(const AdminRequest& request) {
  if (!request.data_source.empty()) {
    return absl::StrCat("'", request.data_source, "' was not suspended: nothing was done");
  }
  return absl::StrCat("nothing of hub '", request.storage, "' was resumed: ",
                      request.without.empty() ? "no member is suspended" : "no other member is suspended");
}

void PreviewResume(const v1::ResumeHubResponse& answer, const AdminRequest& request, Console& console) {
  if (answer.resumed().empty()) return SayNone(console, NothingResumed(request));
  const std::vector<std::string> resumed(answer.resumed().begin(), answer.resumed().end());
  if (answer.changes().empty()) {
    return SayNone(console, absl::StrCat(QuotedNames(resumed),
                                         " would be resumed, and nothing would be written. "
                                         "Nothing was done"));
  }
  PrintMade(console.out, answer.changes(), answer.first(), request.width());
  SayNone(console, absl::StrCat(QuotedNames(resumed),
                                " would be resumed, and this would be written. Nothing was done"));
}

void ResumeHub(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  const v1::ResumeHubRequest asked = ResumeAsked(request);
  const auto answer = client.Resume(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJson(*answer));
  if (request.dry_run) return PreviewResume(*answer, request, console);
  const std::vector<std::string> resumed(answer->resumed().begin(), answer->resumed().end());
  if (resumed.empty()) {
    SayNone(console, NothingResumed(request));
  } else {
    console.out << QuotedNames(resumed) << (resumed.size() == 1 ? " is" : " are")
                << " resumed: " << WhatCounts(asked)
                << ". Each system gets the resulting deliveries after its source's next cycle\n";
  }
  SayWhatStillWaits(client, request.storage, console);
}

void ExplainGolden(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ExplainGoldenRequest asked;
  asked.set_storage(request.storage);
  asked.set_golden_id(request.golden_id);
  if (request.golden_id.empty()) {
    asked.set_data_source(request.row[0]);
    asked.set_table(request.row[1]);
    asked.set_key(KeyAsHubHasIt(request.row[2]));
  }
  const auto record = HubClient(admin).Explain(asked);
  if (!record.ok()) return Fail(console, record.status());
  if (request.json) return PrintJson(console.out, ToJson(*record));
  PrintGolden(console.out, *record, request.width());
  const bool refused = std::any_of(record->deliveries().begin(), record->deliveries().end(),
                                   [](const v1::GoldenDelivery& one) { return one.refusals() > 0; });
  if (refused) SayNone(console, absl::StrCat("for the refused deliveries: ", kMendRefused));
  const bool unmatched = std::any_of(record->members().begin(), record->members().end(),
                                     [](const v1::GoldenMember& row) { return row.without_match(); });
  if (unmatched) {
    SayNone(
        console,
        "a row with 'no match value' lacks a value for each rule of 'match', or has one that is empty after "
        "normalisation. It therefore matches no other row, and nothing is inserted elsewhere for it. Fill in "
        "the values of one rule in that system, or add a rule");
  }
  if (!request.golden_id.empty() && record->golden_id() != request.golden_id) {
    SayNone(console, absl::StrCat("'", request.golden_id, "' is now part of this record"));
  }
}

void ListDuplicates(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ListDuplicatesRequest asked;
  asked.set_storage(request.storage);
  asked.set_limit(request.limit);
  const auto answer = HubClient(admin).Duplicates(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, ToJsonArray(answer->duplicates()));
  PrintDuplicates(console.out, *answer, request.width());
  if (answer->duplicates().empty()) {
    return SayNone(console, absl::StrCat("hub '", request.storage, "' knows of no duplicates"));
  }
  if (static_cast<std::uint32_t>(answer->duplicates_size()) >= request.limit) {
    SayNone(console, "there may be more than these; --limit N shows more");
  }
}

void AddResume(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command resume = of_hub.Add(
      "resume", "Resume members that were suspended because something was restored", "Acme", ResumeHub);
  AddHubStorage(of_hub, resume);
  resume.Add("data_source", request->data_source, "One member, with --take; without it all suspended members")
      .Completes(HubMemberNames);
  resume.Add("--take", request->take, "Which values win: its own, the hub's, or the later ones")
      .OneOf({"theirs", "ours", "newest"});
  resume.AddFlag("--insert", request->insert,
                 "For all members: also insert records that are new there in the other systems");
  resume.Add("--without", request->without, "For all members except this one, which stays suspended")
      .ValueName("DATASOURCE")
      .Completes(HubMemberNames);
  resume.AddFlag("--dry-run", request->dry_run,
                 "Show how many deliveries the command would make, and the first ones; do nothing");
  of_hub.AddWide(resume);
  resume.Check([request] {
    if (request->data_source.empty()) {
      return request->take.empty() ? "" : "--take needs a data source, which is missing";
    }
    if (request->insert || !request->without.empty()) {
      return "--insert and --without apply to all members: name no data source";
    }
    return request->take.empty() ? "--take is required with a data source: theirs, ours or newest" : "";
  });
  of_hub.AddJson(resume, "Print an object");
}

void AddRecords(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command explain = of_hub.Add(
      "explain", "Show a golden record with its values: its rows, which row gives which value, what waits",
      "Acme --row crm company '[17]'", ExplainGolden);
  AddHubStorage(of_hub, explain);
  explain.Add("golden_id", request->golden_id,
              "Id of the record, also of one that was merged into another record");
  explain
      .Add("--row", request->row,
           "The record of this row: data source, table, and key as a JSON array; a key of one column as it "
           "is")
      .ValueName("DATASOURCE TABLE KEY")
      .Values(3, 3)
      .AsItStands();
  explain.Check([request] {
    return request->golden_id.empty() == request->row.empty()
               ? "give either a golden_id, or --row with a row's data source, table and key"
               : "";
  });
  of_hub.AddWide(explain);
  of_hub.AddJson(explain, "Print an object");

  const cli::Command duplicates =
      of_hub.Add("duplicates",
                 "Show records with several rows of one system (within), and records that share a match key "
                 "(apart)",
                 "Acme", ListDuplicates);
  AddHubStorage(of_hub, duplicates);
  duplicates.Add("--limit", request->limit, "How many at most")
      .Within(std::uint32_t{1}, kDuplicatesMax)
      .ShowDefault();
  of_hub.AddWide(duplicates);
  of_hub.AddJson(duplicates);
}

}  // namespace

std::string QuotedNames(const std::vector<std::string>& names) {
  return Printable(absl::StrCat("'", absl::StrJoin(names, "', '"), "'"));
}

std::string KeyAsHubHasIt(const std::string& typed) {
  std::int64_t number = 0;
  if (typed.starts_with('[')) return typed;
  if (absl::SimpleAtoi(typed, &number)) return absl::StrCat("[", number, "]");
  return Json::array({typed}).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

void SayWhatStillWaits(HubClient& client, const std::string& storage, Console& console) {
  const auto answer = client.Hubs(storage);
  if (!answer.ok()) {
    return Warn(console, absl::StrCat("the command succeeded, but the hub's state cannot be read: ",
                                      answer.status().message()));
  }
  SayWhatWaits(*answer, console);
}

cli::Option AddHubStorage(const AdminCommands& commands, const cli::Command& command, bool required) {
  return command.Add("storage", commands.request->storage, "The hub's storage, e.g. Acme")
      .Required(required)
      .Completes(HubNames);
}

void AddHubCommands(const AdminCommands& commands) {
  const cli::Command hub =
      commands.app.AddCommand("hub",
                              "Golden records: show the state of the systems, and decide what waits "
                              "for you");
  hub.RequireCommand();
  hub.Footer("Example:\n  mirrorctl --config dev/mirrorctl.toml hub status");
  const AdminCommands of_hub{hub, commands.config_path, commands.console, commands.request, "hub "};
  const cli::Command status = of_hub.Add("status", "Show hubs with their members", "Acme", ShowStatus);
  AddHubStorage(of_hub, status, /*required=*/false);
  of_hub.AddWide(status);
  of_hub.AddJson(status);
  AddResume(of_hub);
  AddHubHold(of_hub);
  AddHubRefused(of_hub);
  AddRecords(of_hub);
  AddManualHubCommands(of_hub);
  AddHubInit(of_hub);
}

}  // namespace mirror
