#include "tools/mirrorctl/admin/hub_frozen.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_table.h"

namespace mirror {
namespace {

std::string ThawCommand(const std::string& storage, const char* more) {
  return QuotedCommand(absl::StrCat("mirrorctl hub thaw ", ShellWord(storage), more));
}

}  // namespace

void AddFrozen(const v1::HubState& hub, std::vector<HubWait>* waits) {
  if (hub.frozen_records() == 0) return;
  std::vector<std::string> named;
  for (const v1::FrozenRecord& one : hub.frozen()) {
    named.push_back(absl::StrCat(Printable(one.golden_id()), " (",
                                 Printable(absl::StrJoin(one.attributes(), ", ")), ")"));
  }
  if (hub.frozen_records() > named.size()) named.emplace_back("...");
  waits->push_back(
      {absl::StrCat("systems fight over values of ", Counted(hub.frozen_records(), "golden record"),
                    " of hub '", hub.storage(), "', which are frozen: ", absl::StrJoin(named, ", ")),
       ". ",
       absl::StrCat("Find the program or the trigger that changes them back, then ",
                    ThawCommand(hub.storage(), ""), " delivers them again; ",
                    ThawCommand(hub.storage(), " --dry-run"), " lists them")});
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
