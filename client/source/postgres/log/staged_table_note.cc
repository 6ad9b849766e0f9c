#include "client/source/postgres/log/staged_table_note.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mirror {

std::string ToString(const StagedTableNote& note) {
  const std::string emptied = note.emptied_lsn == 0 ? "" : absl::StrCat(" ", note.emptied_lsn);
  return absl::StrCat(note.waits_for, " ", note.waits_since_ms, emptied, "\n", absl::StrJoin(note.added, " "),
                      "\n", note.fingerprint);
}

StagedTableNote ParseStagedTableNote(const std::string& text) {
  StagedTableNote note;
  const std::vector<std::string> lines = absl::StrSplit(text, absl::MaxSplits('\n', 2));
  if (lines.size() != 3) return note;
  const std::vector<std::string> waits = absl::StrSplit(lines[0], ' ');
  if (!absl::SimpleAtoi(waits.front(), &note.waits_for)) note.waits_for = 0;
  if (waits.size() < 2 || !absl::SimpleAtoi(waits[1], &note.waits_since_ms)) note.waits_since_ms = 0;
  if (waits.size() < 3 || !absl::SimpleAtoi(waits[2], &note.emptied_lsn)) note.emptied_lsn = 0;
  for (const absl::string_view word : absl::StrSplit(lines[1], ' ', absl::SkipEmpty())) {
    std::int64_t number = 0;
    if (absl::SimpleAtoi(word, &number)) note.added.insert(number);
  }
  note.fingerprint = lines[2];
  return note;
}

}  // namespace mirror
