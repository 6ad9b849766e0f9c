// hub: how golden records and their systems stand, and what somebody decides about them.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "tools/mirrorctl/admin/hub_client.h"
#include "tools/mirrorctl/admin/hub_output.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_command.h"
#include "tools/mirrorctl/hub_commands.h"

namespace mirror {
namespace {

/// Of a list that the server cuts.
constexpr std::uint32_t kDuplicatesMax = 10'000;
/// As the server takes them.
constexpr int kPartedRowsMax = 1'000;

std::string Quoted(const std::vector<std::string>& names) {
  return Printable(absl::StrCat("'", absl::StrJoin(names, "', '"), "'"));
}

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

/// What counts of members that were resumed.
std::string WhatCounts(const v1::ResumeHubRequest& asked) {
  switch (asked.take()) {
    case v1::HUB_TAKE_THEIRS:
      return "what it has counts, and what is new there is inserted elsewhere, too";
    case v1::HUB_TAKE_OURS:
      return "what the hub knew is given back to it";
    case v1::HUB_TAKE_NEWEST:
      return "of what differs the later one counts";
    default:
      return absl::StrCat("what differs is news, what is missing is gone, what is new ",
                          asked.insert() ? "is inserted elsewhere, too" : "stays there alone");
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
    return SayNone(console, absl::StrCat(Quoted(resumed),
                                         " would be resumed, and nothing would be written. "
                                         "Nothing was done"));
  }
  PrintResume(console.out, answer, request.width());
  SayNone(console,
          absl::StrCat(Quoted(resumed), " would be resumed, and this would be written. Nothing was done"));
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
    console.out << Quoted(resumed) << (resumed.size() == 1 ? " is" : " are")
                << " resumed: " << WhatCounts(asked)
                << ". Each system gets what follows for it behind its source's next cycle\n";
  }
  SayWhatStillWaits(client, request.storage, console);
}

void ThawHub(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  const auto answer = client.Thaw(request.storage, request.golden_id);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, Json({{"records", answer->records()}}));
  if (answer->records() == 0) {
    SayNone(console, request.golden_id.empty()
                         ? absl::StrCat("nothing of hub '", request.storage, "' is frozen")
                         : absl::StrCat("hub '", request.storage, "' has no record '", request.golden_id,
                                        "' with anything frozen"));
  } else {
    console.out << "thawed " << Counted(answer->records(), "record") << " of hub '"
                << Printable(request.storage)
                << "': what was frozen is delivered again, to each system behind its source's next cycle; "
                   "when systems still change it back and forth, it is frozen again\n";
  }
  SayWhatStillWaits(client, request.storage, console);
}

/// As the server has keys: a JSON array. A number or a text alone is a key of one column.
std::string KeyAsked(const std::string& typed) {
  std::int64_t number = 0;
  if (typed.starts_with('[')) return typed;
  if (absl::SimpleAtoi(typed, &number)) return absl::StrCat("[", number, "]");
  return Json::array({typed}).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

void ExplainGolden(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::ExplainGoldenRequest asked;
  asked.set_storage(request.storage);
  asked.set_golden_id(request.golden_id);
  if (request.golden_id.empty()) {
    asked.set_data_source(request.row[0]);
    asked.set_table(request.row[1]);
    asked.set_key(KeyAsked(request.row[2]));
  }
  const auto record = HubClient(admin).Explain(asked);
  if (!record.ok()) return Fail(console, record.status());
  if (request.json) return PrintJson(console.out, ToJson(*record));
  PrintGolden(console.out, *record, request.width());
  const bool refused = std::any_of(record->deliveries().begin(), record->deliveries().end(),
                                   [](const v1::GoldenDelivery& one) { return one.refusals() > 0; });
  if (refused) SayNone(console, absl::StrCat("of what was refused: ", kMendRefused));
  if (!request.golden_id.empty() && record->golden_id() != request.golden_id) {
    SayNone(console, absl::StrCat("'", request.golden_id, "' is in this record by now"));
  }
}

void MergeRecords(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::MergeGoldenRequest asked;
  asked.set_storage(request.storage);
  asked.add_golden_ids(request.golden_id);
  asked.add_golden_ids(request.other_id);
  const auto answer = HubClient(admin).Merge(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, Json({{"golden_id", answer->golden_id()}}));
  console.out << "both are record '" << Printable(answer->golden_id())
              << "' now. Each system gets what follows for it behind its source's next cycle\n";
}

void PartRecord(AdminClient& admin, const AdminRequest& request, Console& console) {
  v1::PartGoldenRequest asked;
  asked.set_storage(request.storage);
  asked.set_golden_id(request.golden_id);
  for (std::size_t i = 0; i + 2 < request.row.size(); i += 3) {
    v1::PartGoldenRow* const row = asked.add_rows();
    row->set_data_source(request.row[i]);
    row->set_table(request.row[i + 1]);
    row->set_key(KeyAsked(request.row[i + 2]));
  }
  const auto answer = HubClient(admin).Part(asked);
  if (!answer.ok()) return Fail(console, answer.status());
  if (request.json) return PrintJson(console.out, Json({{"golden_id", answer->golden_id()}}));
  console.out << Counted(static_cast<std::uint64_t>(asked.rows_size()), "row")
              << (asked.rows_size() == 1 ? " is" : " are") << " record '" << Printable(answer->golden_id())
              << "' now, and no key joins it with '" << Printable(request.golden_id)
              << "' again. 'mirrorctl hub merge' takes that back\n";
}

void RebuildHub(AdminClient& admin, const AdminRequest& request, Console& console) {
  HubClient client(admin);
  const auto answer = client.Rebuild(request.storage, request.confirm);
  if (!answer.ok()) return Fail(console, answer.status());
  const std::vector<std::string> names(answer->suspended().begin(), answer->suspended().end());
  if (request.json) return PrintJson(console.out, Json({{"suspended", names}}));
  console.out << "hub '" << Printable(request.storage) << "' is made anew. "
              << (names.empty() ? std::string("It had read no member")
                                : absl::StrCat(Quoted(names), names.size() == 1 ? " waits" : " wait",
                                               " for 'mirrorctl hub resume', and what is new is held"))
              << '\n';
  SayWhatStillWaits(client, request.storage, console);
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
      "resume", "Go on with members that are suspended since something was restored", "Acme", ResumeHub);
  AddHubStorage(of_hub, resume);
  resume.Add("data_source", request->data_source, "One member, with --take; else all that are suspended")
      .Completes(HubMemberNames);
  resume
      .Add("--take", request->take,
           "What counts of it: what it has, what the hub knew, or the later of the two")
      .OneOf({"theirs", "ours", "newest"});
  resume.AddFlag("--insert", request->insert,
                 "Of all: records that are new there are inserted elsewhere, too");
  resume.Add("--without", request->without, "Of all: this member stays suspended")
      .ValueName("DATASOURCE")
      .Completes(HubMemberNames);
  resume.AddFlag("--dry-run", request->dry_run,
                 "Say how many deliveries it would make, and which are the first; do nothing");
  of_hub.AddWide(resume);
  resume.Check([request] {
    if (request->data_source.empty()) {
      return request->take.empty() ? "" : "--take goes with a data source, which is missing";
    }
    if (request->insert || !request->without.empty()) {
      return "--insert and --without are about all members: name no data source";
    }
    return request->take.empty() ? "--take is required with a data source: theirs, ours or newest" : "";
  });
  of_hub.AddJson(resume, "Print an object");
}

void AddRecords(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command thaw = of_hub.Add(
      "thaw", "Deliver again what was frozen, since systems changed it back and forth", "Acme", ThawHub);
  AddHubStorage(of_hub, thaw);
  thaw.Add("golden_id", request->golden_id, "Of this record alone, else of all");
  of_hub.AddJson(thaw, "Print an object");

  const cli::Command explain =
      of_hub.Add("explain", "Show a golden record: its rows, who gave what, what waits; with values",
                 "Acme --row crm company '[17]'", ExplainGolden);
  AddHubStorage(of_hub, explain);
  explain.Add("golden_id", request->golden_id, "The record, also one that is in another one by now");
  explain
      .Add("--row", request->row,
           "That of a row: data source, table, and key as a JSON array; a key of one column as it is")
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

void AddByHand(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command merge = of_hub.Add("merge", "Say that two golden records are one, as no rule can tell",
                                        "Acme GOLDEN_ID GOLDEN_ID", MergeRecords);
  AddHubStorage(of_hub, merge);
  merge.Add("golden_id", request->golden_id, "One record").Required();
  merge.Add("other_id", request->other_id, "The other").Required();
  of_hub.AddJson(merge, "Print an object");

  const cli::Command part =
      of_hub.Add("part", "Make rows of a golden record one of their own; no key joins the two again",
                 "Acme GOLDEN_ID --row crm company '[17]'", PartRecord);
  AddHubStorage(of_hub, part);
  part.Add("golden_id", request->golden_id, "The record").Required();
  part.Add("--row", request->row, "A row that is to leave, as in 'hub explain'; again for more of them")
      .ValueName("DATASOURCE TABLE KEY")
      .Required()
      .Values(3, 3 * kPartedRowsMax)
      .AsItStands();
  part.Check([request] {
    return request->row.size() % 3 == 0 ? "" : "--row takes a data source, a table and a key for each row";
  });
  of_hub.AddJson(part, "Print an object");
}

void AddRebuild(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command rebuild = of_hub.Add(
      "rebuild", "Make a hub's file anew, as if it were lost: all members are suspended, what is new is held",
      "Acme --confirm Acme", RebuildHub);
  AddHubStorage(of_hub, rebuild);
  rebuild.Add("--confirm", request->confirm, "The storage once more").ValueName("STORAGE").Required();
  rebuild.Check([request] {
    return request->confirm == request->storage ? ""
                                                : "--confirm must repeat the storage. Nothing was made anew.";
  });
  of_hub.AddJson(rebuild, "Print an object");
}

}  // namespace

void SayWhatStillWaits(HubClient& client, const std::string& storage, Console& console) {
  const auto answer = client.Hubs(storage);
  if (!answer.ok()) {
    return Warn(console, absl::StrCat("that was done, but how the hub stands now cannot be said: ",
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
      commands.app.AddCommand("hub", "Golden records: how systems stand, and what waits for your decision");
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
  AddByHand(of_hub);
  AddRebuild(of_hub);
  AddHubInit(of_hub);
}

}  // namespace mirror
