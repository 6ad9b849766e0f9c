#include "tools/mirrorctl/admin/unsent_notes.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "proto/wire/table.h"

namespace mirror {

std::vector<std::string> UnsentNotes(const v1::ListTablesResponse& answer, std::int64_t now_ms) {
  struct Of {
    std::vector<std::string> names;
    std::int64_t since_ms = 0;
  };
  std::map<std::string, Of> by_reason;
  for (const v1::TableInfo& info : answer.tables()) {
    if (info.unsent().empty()) continue;
    Of& of = by_reason[info.unsent_why()];
    of.names.push_back(info.table());
    if (of.since_ms == 0 || info.unsent_since_ms() < of.since_ms) of.since_ms = info.unsent_since_ms();
  }
  std::vector<std::string> all;
  for (const auto& [why, of] : by_reason) {
    all.push_back(absl::StrCat(Counted(of.names.size(), "table"), of.names.size() == 1 ? " was" : " were",
                               " not sent by the source for ", SpanText(now_ms - of.since_ms), " (", why,
                               "): ", ListNames(of.names),
                               ". 'mirror-agent status' on the source's machine says what to correct"));
  }
  return all;
}

}  // namespace mirror
