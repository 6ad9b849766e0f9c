#include "tools/mirrorctl/admin/hub_output.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_table.h"

namespace mirror {
namespace {

/// Shortest delay of a derivation that is reported, in milliseconds.
constexpr std::int64_t kBehindMs = 60'000;

/// Returns the state of a member in one word.
TextTable::Cell StateOf(const v1::HubState& hub, const v1::HubMemberState& member) {
  if (!hub.trouble().empty()) return {"not known", Colour::kRed};
  if (member.suspended_ms() != 0)
    return {member.source_restored() ? "restored" : "suspended", Colour::kYellow};
  if (member.absent() || member.context_id().empty()) return "absent";
  if (!member.trouble().empty()) return {"failing", Colour::kRed};
  return member.cycle() == 0 ? TextTable::Cell("unread") : TextTable::Cell("read", Colour::kGreen);
}

/// Returns a short note that follows the state.
std::string NoteOf(const v1::HubMemberState& member, std::int64_t now_ms) {
  std::vector<std::string> notes;
  if (member.suspended_ms() != 0)
    notes.push_back(absl::StrCat("for ", SpanText(now_ms - member.suspended_ms())));
  if (!member.trouble().empty()) notes.push_back(member.trouble());
  if (member.taking() != v1::HUB_TAKING_UNSPECIFIED) notes.emplace_back("accepts no deliveries");
  if (member.last_conflicts() > 0) {
    notes.push_back(absl::StrCat(Counted(member.last_conflicts(), "conflict"), " in the last run"));
  }
  if (member.last_refused() > 0)
    notes.push_back(absl::StrCat(Grouped(member.last_refused()), " refused by its source"));
  return absl::StrJoin(notes, ", ");
}

/// Returns names in quotes, with commas between them: "'crm', 'erp'".
std::string Quoted(const std::vector<std::string>& names) {
  return absl::StrCat("'", absl::StrJoin(names, "', '"), "'");
}

std::string Command(const std::string& words, const std::string& storage, const std::string& more = "") {
  return QuotedCommand(absl::StrCat("mirrorctl hub ", words, " ", ShellWord(storage), more));
}

std::string RowName(const std::string& data_source, const std::string& table, const std::string& key) {
  return data_source.empty() ? "" : absl::StrCat(data_source, " ", table, " ", key);
}

std::string WhenText(std::int64_t milliseconds) { return milliseconds == 0 ? "" : TimeText(milliseconds); }

void PrintMembers(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width) {
  TextTable table({{.name = "source", .whole = true},
                   {.name = "table", .whole = true},
                   {.name = "found by", .goes = 2},
                   {.name = "changed", .goes = 1, .whole = true},
                   {.name = "state", .whole = true},
                   {"key"}},
                  width);
  for (const v1::GoldenMember& member : record.members()) {
    const char* const state = member.doomed()          ? "to be deleted"
                              : member.unsure()        ? "unsure"
                              : member.without_match() ? "no match value"
                                                       : "";
    table.Add({member.data_source(), member.table(), member.joined_by(), WhenText(member.touched_ms()), state,
               member.key()});
  }
  table.Print(out);
}

void PrintAttributes(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width) {
  TextTable table({{.name = "attribute", .whole = true},
                   {.name = "given by", .goes = 2},
                   {.name = "time", .goes = 1, .whole = true},
                   {.name = "state", .whole = true},
                   {"value"}},
                  width);
  for (const v1::GoldenAttribute& one : record.attributes()) {
    table.Add({one.name(), RowName(one.data_source(), one.table(), one.key()), WhenText(one.version_ms()),
               one.frozen() ? TextTable::Cell("frozen", Colour::kYellow) : TextTable::Cell(""), one.value()});
  }
  table.Print(out);
}

void PrintDeliveries(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width) {
  TextTable table({{.name = "delivery", .goes = 1, .whole = true},
                   {.name = "to", .whole = true},
                   {.name = "table", .goes = 2, .whole = true},
                   {.name = "operation", .whole = true},
                   {.name = "key"},
                   {.name = "state", .whole = true},
                   {"columns"}},
                  width);
  for (const v1::GoldenDelivery& one : record.deliveries()) {
    table.Add({one.delivery_id(),
               one.data_source(),
               one.table(),
               one.operation(),
               one.key(),
               {one.state(), one.state() == "OPEN" ? Colour::kNone : Colour::kYellow},
               absl::StrJoin(one.columns(), ", ")});
  }
  table.Print(out);
}

std::string TimesText(std::uint64_t times) {
  return times == 1 ? "once" : absl::StrCat(Grouped(times), " times");
}

/// Prints the deliveries of a record that their sources refused, with the reasons.
void PrintRefusals(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width) {
  TextTable table({{.name = "refused", .whole = true},
                   {.name = "by", .whole = true},
                   {.name = "how often", .goes = 1, .whole = true},
                   {.name = "next try", .goes = 2, .whole = true},
                   {"why"}},
                  width);
  for (const v1::GoldenDelivery& one : record.deliveries()) {
    if (one.refusals() == 0) continue;
    table.Add({one.delivery_id(),
               one.data_source(),
               {TimesText(one.refusals()), Colour::kYellow},
               WhenText(one.tried_again_ms()),
               one.refusal()});
  }
  if (!table.any()) return;
  out << '\n';
  table.Print(out);
}

void PrintOfAll(std::ostream& out, std::uint64_t shown, std::uint64_t all) {
  out << '\n' << (shown < all ? absl::StrCat("the first ", shown, ":\n") : std::string("these are:\n"));
}

void PrintFirst(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::GoldenDelivery>& first,
                std::size_t width) {
  TextTable table({{.name = "to", .whole = true},
                   {.name = "table", .goes = 1, .whole = true},
                   {.name = "operation", .whole = true},
                   {.name = "key"},
                   {.name = "state", .whole = true},
                   {"columns"}},
                  width);
  for (const v1::GoldenDelivery& one : first) {
    table.Add({one.data_source(), one.table(), one.operation(), one.key(), one.state(),
               absl::StrJoin(one.columns(), ", ")});
  }
  table.Print(out);
}

/// Returns why all new deliveries are held. `suspended`: a member is suspended, so that the decision has to
/// wait.
HubWait WhyAllIsHeld(const v1::HubState& hub, bool any, bool suspended) {
  return {absl::StrCat("hub '", hub.storage(),
                       "' was rebuilt, or its rules were changed: all new deliveries are held",
                       any ? "" : ", but there are none now"),
          ". ",
          absl::StrCat("End this with ", Command("hold commit", hub.storage()),
                       suspended ? " when no member is suspended and each was read" : "")};
}

/// Describes members whose sources accept no deliveries.
HubWait WhoTakesNone(const v1::HubMemberState& member) {
  if (member.taking() == v1::HUB_TAKING_DECLINES) {
    return {absl::StrCat("the source of '", member.data_source(),
                         "' accepts no deliveries, but the configuration has 'write' for it"),
            ": ",
            "its owner must set 'accept' of its [[source]] and run 'mirror-agent install'; otherwise remove "
            "'write'"};
  }
  return {
      absl::StrCat("the source of '", member.data_source(),
                   "' completes cycles but does not ask this server for deliveries, and the configuration "
                   "has 'write' for it"),
      ": ", "its owner must run a 'mirror-agent' that asks for them; otherwise remove 'write'"};
}

std::string Deliveries(std::uint64_t count) {
  return count == 1 ? "1 delivery" : absl::StrCat(Grouped(count), " deliveries");
}

/// Adds a problem if the hub does not derive golden records, or is late.
void AddStandstill(const v1::HubState& hub, std::int64_t now_ms, std::vector<HubWait>* waits) {
  if (!hub.trouble().empty()) {
    waits->push_back({absl::StrCat("hub '", hub.storage(), "' cannot be read: ", hub.trouble()), ". ",
                      "Correct this; until then the hub hands out nothing"});
  } else if (!hub.failing().empty()) {
    waits->push_back({absl::StrCat("hub '", hub.storage(), "' has derived nothing for ",
                                   SpanText(now_ms - hub.failing_since_ms()), ": ", hub.failing()),
                      ". ", "Correct this; the server retries by itself"});
  } else if (hub.behind_since_ms() > 0 && now_ms - hub.behind_since_ms() > kBehindMs) {
    waits->push_back(
        {absl::StrCat("hub '", hub.storage(), "' has not yet derived records from what a member completed ",
                      SpanText(now_ms - hub.behind_since_ms()), " ago"),
         ". ",
         "'mirrorctl events --kind golden.not_derived' shows whether it fails; 'mirrorctl servers' shows "
         "which server has the duty 'hubs'"});
  }
}

void AddRefused(const v1::HubState& hub, std::vector<HubWait>* waits) {
  for (const v1::HubMemberState& member : hub.members()) {
    if (member.refused() == 0) continue;
    waits->push_back(
        {absl::StrCat("the source of '", member.data_source(), "' refuses ", Deliveries(member.refused())),
         ": ", absl::StrCat(Command("refused", hub.storage()), " shows which and why; ", kMendRefused)});
  }
}

std::string ThawCommand(const std::string& storage, const char* more) {
  return QuotedCommand(absl::StrCat("mirrorctl hub thaw ", ShellWord(storage), more));
}

/// Adds a problem if there are frozen attributes, which systems change back and forth, with the commands to
/// type.
void AddFrozen(const v1::HubState& hub, std::vector<HubWait>* waits) {
  if (hub.frozen_records() == 0) return;
  std::vector<std::string> named;
  for (const v1::FrozenRecord& one : hub.frozen()) {
    named.push_back(absl::StrCat(Printable(one.golden_id()), " (",
                                 Printable(absl::StrJoin(one.attributes(), ", ")), ")"));
  }
  if (hub.frozen_records() > named.size()) named.emplace_back("...");
  waits->push_back({absl::StrCat("systems overwrite each other's values in ",
                                 Counted(hub.frozen_records(), "golden record"), " of hub '", hub.storage(),
                                 "'; these values are frozen: ", absl::StrJoin(named, ", ")),
                    ". ",
                    absl::StrCat("Find the program or the trigger that changes them back; then ",
                                 ThawCommand(hub.storage(), ""), " delivers them again. ",
                                 ThawCommand(hub.storage(), " --dry-run"), " lists them")});
}

}  // namespace

void PrintHubs(std::ostream& out, const v1::ListHubsResponse& answer, std::size_t width,
               std::int64_t now_ms) {
  TextTable table({{.name = "storage", .whole = true},
                   {.name = "source", .whole = true},
                   {.name = "state", .whole = true},
                   {.name = "rows", .number = true, .goes = 3},
                   {.name = "open", .number = true},
                   {.name = "held", .number = true},
                   {.name = "dropped", .number = true, .goes = 1},
                   {.name = "refused", .number = true, .goes = 4},
                   {.name = "read", .goes = 2, .whole = true},
                   {"note"}},
                  width);
  for (const v1::HubState& hub : answer.hubs()) {
    for (const v1::HubMemberState& member : hub.members()) {
      table.Add({hub.storage(), member.data_source(), StateOf(hub, member), Grouped(member.rows()),
                 Grouped(member.open()), Grouped(member.held()), Grouped(member.dropped()),
                 Grouped(member.refused()), member.read_ms() == 0 ? "" : SpanText(now_ms - member.read_ms()),
                 NoteOf(member, now_ms)});
    }
  }
  table.Print(out);
  if (answer.hubs().empty()) return;
  out << '\n';
  for (const v1::HubState& hub : answer.hubs()) {
    if (!hub.trouble().empty()) continue;
    out << Printable(hub.storage()) << ": " << Counted(hub.records(), "golden record");
    if (hub.derived_ms() > 0) out << ", derived " << SpanText(now_ms - hub.derived_ms()) << " ago";
    out << (hub.holds_all() ? "; all new deliveries are held" : "") << '\n';
  }
}

std::vector<HubWait> WhatHubWaitsFor(const v1::HubState& hub, std::int64_t now_ms) {
  std::vector<HubWait> waits;
  AddStandstill(hub, now_ms, &waits);
  std::vector<std::string> suspended;
  std::uint64_t held = 0;
  bool any_suspended = false;
  for (const v1::HubMemberState& member : hub.members()) {
    held += member.held();
    if (member.suspended_ms() == 0) continue;
    any_suspended = true;
    if (!member.source_restored()) {
      suspended.push_back(member.data_source());
      continue;
    }
    waits.push_back(
        {absl::StrCat("the source of '", member.data_source(), "' was restored"), ": ",
         absl::StrCat("when it has completed a cycle since then, decide which values win. ",
                      Command("resume", hub.storage(),
                              absl::StrCat(" ", ShellWord(member.data_source()), " --take theirs")),
                      " takes the source's values, '--take ours' the hub's",
                      member.knows_newest() ? ", '--take newest' the later ones" : "")});
  }
  if (!suspended.empty()) {
    waits.push_back(
        {absl::StrCat(Quoted(suspended), suspended.size() == 1 ? " is" : " are",
                      " suspended: no delivery that may concern them is handed out"),
         ". ",
         absl::StrCat("When each has completed a cycle since then, run ", Command("resume", hub.storage()))});
  }
  if (held > 0) {
    waits.push_back(
        {absl::StrCat(Deliveries(held), " of hub '", hub.storage(), held == 1 ? "' waits" : "' wait",
                      " for your decision"),
         ": ",
         absl::StrCat(Command("hold commit", hub.storage()), " hands them out, ",
                      Command("hold rollback", hub.storage()), " drops them until their content changes, ",
                      Command("hold list", hub.storage()), " shows them")});
  }
  if (hub.holds_all()) waits.push_back(WhyAllIsHeld(hub, held > 0, any_suspended));
  for (const v1::HubMemberState& member : hub.members()) {
    if (member.taking() != v1::HUB_TAKING_UNSPECIFIED) waits.push_back(WhoTakesNone(member));
  }
  AddRefused(hub, &waits);
  AddFrozen(hub, &waits);
  return waits;
}

void PrintGolden(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width) {
  out << "record  " << Printable(record.golden_id()) << "\nentity  " << Printable(record.entity()) << '\n';
  if (!record.had().empty()) out << "had by  " << Printable(absl::StrJoin(record.had(), ", ")) << '\n';
  out << '\n';
  PrintMembers(out, record, width);
  out << '\n';
  PrintAttributes(out, record, width);
  if (record.deliveries().empty()) return;
  out << '\n';
  PrintDeliveries(out, record, width);
  PrintRefusals(out, record, width);
}

void PrintMade(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::HubChange>& changes,
               const google::protobuf::RepeatedPtrField<v1::GoldenDelivery>& first, std::size_t width) {
  TextTable table({{.name = "to", .whole = true},
                   {.name = "table", .whole = true},
                   {.name = "operation", .whole = true},
                   {.name = "deliveries", .number = true},
                   {.name = "held", .number = true}},
                  width);
  std::uint64_t all = 0;
  for (const v1::HubChange& change : changes) {
    all += change.deliveries();
    table.Add({change.data_source(), change.table(), change.operation(), Grouped(change.deliveries()),
               Grouped(change.held())});
  }
  table.Print(out);
  PrintOfAll(out, static_cast<std::uint64_t>(first.size()), all);
  PrintFirst(out, first, width);
}

void PrintPreview(std::ostream& out, const v1::GoldenPreview& preview, std::size_t width) {
  TextTable table({{.name = "record", .whole = true},
                   {.name = "source", .whole = true},
                   {.name = "table", .whole = true},
                   {"key"}},
                  width);
  for (const v1::GoldenOutcome& record : preview.records()) {
    const std::string id = record.golden_id().empty() ? "a new one" : record.golden_id();
    for (const v1::GoldenMember& row : record.members())
      table.Add({id, row.data_source(), row.table(), row.key()});
    const auto shown = static_cast<std::uint64_t>(record.members_size());
    if (shown < record.rows())
      table.Add({id, "", "", absl::StrCat("and ", Counted(record.rows() - shown, "more row"))});
  }
  if (!preview.records().empty()) table.Print(out);
  if (preview.changes().empty()) return;
  if (!preview.records().empty()) out << '\n';
  PrintMade(out, preview.changes(), preview.first(), width);
}

void PrintHeld(std::ostream& out, const v1::ListHeldResponse& answer, std::size_t width) {
  TextTable table({{.name = "to", .whole = true},
                   {.name = "table", .goes = 1, .whole = true},
                   {.name = "operation", .whole = true},
                   {.name = "key"},
                   {.name = "record", .whole = true},
                   {.name = "why", .whole = true},
                   {"columns"}},
                  width);
  for (const v1::HeldDelivery& one : answer.held()) {
    const v1::GoldenDelivery& delivery = one.delivery();
    table.Add({delivery.data_source(), delivery.table(), delivery.operation(), delivery.key(),
               one.golden_id(), EnumWord(one.why()), absl::StrJoin(delivery.columns(), ", ")});
  }
  table.Print(out);
}

void PrintHeldSums(std::ostream& out, const v1::ListHeldResponse& answer, std::size_t width) {
  TextTable table({{.name = "to", .whole = true},
                   {.name = "table", .whole = true},
                   {.name = "operation", .whole = true},
                   {.name = "deliveries", .number = true}},
                  width);
  std::uint64_t all = 0;
  for (const v1::HubChange& change : answer.changes()) {
    all += change.deliveries();
    table.Add({change.data_source(), change.table(), change.operation(), Grouped(change.deliveries())});
  }
  table.Print(out);
  PrintOfAll(out, static_cast<std::uint64_t>(answer.held_size()), all);
  PrintHeld(out, answer, width);
}

void PrintLoss(std::ostream& out, const v1::HubLoss& loss) {
  TextTable table({{"what the hub loses"}, {"number", true}});
  table.Add({"golden records", Grouped(loss.records())});
  table.Add({"rows in them", Grouped(loss.rows())});
  table.Add({"rows that were put there by hand", Grouped(loss.rows_by_hand())});
  table.Add({"pairs of records that were parted by hand", Grouped(loss.parted())});
  table.Add({"deliveries that are open, held or dropped", Grouped(loss.deliveries())});
  table.Print(out);
}

void PrintDuplicates(std::ostream& out, const v1::ListDuplicatesResponse& answer, std::size_t width) {
  TextTable table({{.name = "entity", .whole = true},
                   {.name = "what", .whole = true},
                   {.name = "source"},
                   {.name = "rows", .number = true},
                   {"records"}},
                  width);
  for (const v1::Duplicate& one : answer.duplicates()) {
    const bool apart = one.golden_ids_size() > 1;
    table.Add({one.entity(), apart ? "apart" : "within", one.data_source(),
               one.rows() == 0 ? "" : Grouped(one.rows()), absl::StrJoin(one.golden_ids(), " ")});
  }
  table.Print(out);
}

void PrintFrozen(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::FrozenRecord>& records,
                 std::size_t width) {
  TextTable table({{.name = "entity", .whole = true}, {.name = "record", .whole = true}, {"frozen"}}, width);
  for (const v1::FrozenRecord& one : records) {
    table.Add({one.entity(), one.golden_id(), absl::StrJoin(one.attributes(), ", ")});
  }
  table.Print(out);
}

}  // namespace mirror
