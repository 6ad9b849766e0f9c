#include "server/consequences/count_mirror.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "server/consequences/others_objects.h"
#include "server/plan/hold_keys.h"
#include "server/store/snapshot.h"

namespace mirror {
namespace {

/// What is kept of a table beside its rows, and goes with it.
struct KeptBeside {
  std::int64_t versions = 0;  ///< Former versions of its rows.
  std::int64_t entries = 0;   ///< Of the journal. Who has read them is not known.
};

/// Errors: those of the snapshot. Of a mirror that keeps neither a history nor a journal: nothing.
absl::StatusOr<KeptBeside> CountKeptBeside(Snapshot& mirror, const std::string& table) {
  KeptBeside kept;
  ASSIGN_OR_RETURN(const std::optional<TableHistory> history, mirror.versions().ReadHistory(table));
  if (history) {
    ASSIGN_OR_RETURN(const std::int64_t versions, mirror.versions().CountVersions(*history));
    kept.versions = versions;
  }
  ASSIGN_OR_RETURN(const std::int64_t entries, mirror.journal().CountEntries(table));
  kept.entries = entries;
  return kept;
}

/// Bytes of keys that are read at once.
constexpr std::size_t kKeyBlockBytes = 64 << 10;
/// Tables that a message names one by one.
constexpr std::size_t kToldTablesMax = 5;

/// The tables that are meant, by name.
std::map<std::string, const TableRecord*> Meant(const CountedMirror& mirror, const Act& act) {
  std::set<std::string> names;
  for (const std::string& table : act.tables) names.insert(FoldName(table));
  std::map<std::string, const TableRecord*> meant;
  for (const TableRecord& record : mirror.contents.records) {
    if (names.empty() || names.contains(FoldName(record.table))) meant[FoldName(record.table)] = &record;
  }
  return meant;
}

const ContentsTable* FindTable(const MirrorContents& contents, const std::string& table) {
  for (const ContentsTable& one : contents.tables) {
    if (SameName(one.agreed.name, table)) return &one;
  }
  return nullptr;
}

absl::StatusOr<std::int64_t> CountRows(const CountedMirror& mirror, const TableSchema& table) {
  if (table.columns.empty()) return 0;
  ASSIGN_OR_RETURN(const auto digests, mirror.snapshot.Digest(table, {0}, {}, mirror.go_on));
  return static_cast<std::int64_t>(digests.front().rows);
}

/// Rows of the source's, those of others, and what is kept beside them.
absl::Status CountTable(const CountedMirror& mirror, const TableRecord& record, Consequence* counted) {
  counted->table = record.table;
  const ContentsTable* const table = FindTable(mirror.contents, record.table);
  std::int64_t all = 0;
  if (table != nullptr) {
    ASSIGN_OR_RETURN(all, CountRows(mirror, table->stored));
  }
  counted->rows = record.row_count < 0 ? all : std::min(all, record.row_count);
  counted->partner_rows = all - counted->rows;
  ASSIGN_OR_RETURN(const KeptBeside beside, CountKeptBeside(mirror.snapshot, record.table));
  counted->versions = beside.versions;
  counted->entries = beside.entries;
  for (const OthersObject& other : OthersObjects(mirror.contents)) {
    if (SameName(other.of_table, record.table)) counted->objects.push_back(other.words);
  }
  if (!mirror.with_keys || table == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<std::string> keys, FirstKeys(mirror, table->agreed));
  counted->keys = std::move(keys);
  return absl::OkStatus();
}

absl::StatusOr<Consequences> CountGone(const CountedMirror& mirror, const Act& act) {
  Consequences counted;
  for (const auto& [name, record] : Meant(mirror, act)) {
    RETURN_IF_ERROR(CountTable(mirror, *record, &counted.tables.emplace_back()));
  }
  counted.token = StateToken(act, StateOf(mirror.contents));
  return counted;
}

/// What others made and that hangs on no mirrored table.
std::vector<std::string> OfNoTable(const MirrorContents& contents) {
  std::vector<std::string> names;
  for (const OthersObject& other : OthersObjects(contents)) {
    if (other.of_table.empty()) names.push_back(other.words);
  }
  return names;
}

/// What is told of it is not that nothing happens to it.
bool Loses(const Consequence& one) {
  const bool differs =
      one.restored && (!one.restored->compared ||
                       one.restored->only_now + one.restored->only_then + one.restored->different > 0);
  return differs ||
         one.rows + one.partner_rows + one.values + one.versions + one.entries + one.rows_to_send > 0 ||
         !one.objects.empty();
}

std::string WordsOf(const Consequence& one) {
  std::vector<std::string> words;
  const auto add = [&](std::int64_t count, const char* noun, const char* behind) {
    if (count > 0) words.push_back(absl::StrCat(Counted(static_cast<std::uint64_t>(count), noun), behind));
  };
  add(one.rows, "row", "");
  add(one.partner_rows, "row", " that the source has not");
  add(one.values, "value", "");
  add(one.versions, "former version", "");
  add(one.entries, "entry", " of the journal");
  add(static_cast<std::int64_t>(one.objects.size()), "object", " that the partner made");
  add(one.rows_to_send, "row", " to be sent again");
  if (one.restored) {
    const RestoredTable& table = *one.restored;
    words.push_back(absl::StrCat("LSN ", table.lsn_now, " now and ", table.lsn_then, " in the copy"));
    if (table.compared) {
      words.push_back(absl::StrCat(Grouped(table.only_now), " only now, ", Grouped(table.only_then),
                                   " only in the copy, ", Grouped(table.different), " different"));
    }
  }
  return absl::StrCat(one.table.empty() ? "of no table" : absl::StrCat("table '", one.table, "'"), ": ",
                      words.empty() ? "nothing" : absl::StrJoin(words, ", "));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FirstKeys(const CountedMirror& mirror, const TableSchema& agreed) {
  const TableSchema kept = KeptForm(agreed);
  const std::vector<std::uint32_t> key = kept.Key();
  std::vector<std::string> keys;
  if (key.empty()) return keys;
  // To its end: a reading that is left before it would end the snapshot of some stores.
  RETURN_IF_ERROR(mirror.snapshot.ReadRows(kept, key, {}, kKeyBlockBytes, mirror.go_on,
                                           [&](RowBlock* block) -> absl::Status {
                                             if (keys.size() >= kShownKeysMax) return absl::OkStatus();
                                             ChangeBatch rows = ViewOf(kept, block);
                                             rows.operation = Operation::kDelete;
                                             for (std::string& text : DeletedKeys(kept, rows)) {
                                               if (keys.size() < kShownKeysMax)
                                                 keys.push_back(std::move(text));
                                             }
                                             return absl::OkStatus();
                                           }));
  return keys;
}

Consequences CountInvalidated(const CountedMirror& mirror, const Act& act) {
  Consequences counted;
  for (const auto& [name, record] : Meant(mirror, act)) {
    counted.tables.push_back(
        {.table = record->table, .rows_to_send = std::max<std::int64_t>(record->row_count, 0)});
  }
  counted.notes.push_back("no row vanishes: the next cycle sends all rows of these tables again");
  counted.token = StateToken(act, StateOf(mirror.contents));
  return counted;
}

absl::StatusOr<Consequences> CountReset(const CountedMirror& mirror, const Act& act, bool kept) {
  absl::StatusOr<Consequences> counted = CountGone(mirror, act);
  if (!counted.ok()) return counted;
  for (Consequence& table : counted->tables) {
    table.rows_to_send = table.rows;
    // The journal stays, and says that the table is gone.
    if (!kept) table.entries = 0;
  }
  std::vector<std::string> views;
  for (const OthersObject& other : OthersObjects(mirror.contents)) {
    if (other.is_view && other.of_table.empty()) views.push_back(other.words);
  }
  if (!views.empty()) {
    counted->notes.push_back(
        absl::StrCat("views stay, and fail where they read such a table until the next cycle has made it: ",
                     absl::StrJoin(views, ", ")));
  }
  const bool has_versions = std::any_of(counted->tables.begin(), counted->tables.end(),
                                        [](const Consequence& table) { return table.versions > 0; });
  if (!kept && has_versions) {
    counted->notes.push_back("former versions are set aside as _mirror_dropped_<n>, for 'drop_grace'");
  }
  counted->notes.push_back(kept ? "a copy of the whole mirror is kept beside it"
                                : "no copy is kept; the source sends its rows again, and nobody the rest");
  return counted;
}

absl::StatusOr<Consequences> CountDeleted(const CountedMirror& mirror, const Act& act) {
  absl::StatusOr<Consequences> counted = CountGone(mirror, act);
  if (!counted.ok()) return counted;
  std::vector<std::string> others = OfNoTable(mirror.contents);
  if (!others.empty()) counted->tables.push_back({.table = "", .objects = std::move(others)});
  const bool has_records = mirror.contents.tenant.door() == Door::kRecords;
  counted->notes.push_back(has_records ? "these records came over HTTP, and nobody sends them again"
                                       : "copies that reset and restore kept of it go with it; its source is "
                                         "told not to replicate until 'mirrorctl allow'");
  return counted;
}

absl::StatusOr<Consequences> CountCommitted(const CountedMirror& mirror, const Act& act, const Hold& hold) {
  Consequences counted;
  counted.token = StateToken(act, StateOf(mirror.contents));
  const auto note = [&](std::string words) { counted.notes.push_back(std::move(words)); };
  if (hold.kind == HoldKind::kTables) {
    Act of_tables = act;
    of_tables.tables = hold.tables;
    absl::StatusOr<Consequences> gone = CountGone(mirror, of_tables);
    if (!gone.ok()) return gone;
    counted.tables = std::move(gone->tables);
    for (Consequence& table : counted.tables) table.entries = 0;
    note("these tables are set aside by the next cycle that asks for it, and dropped after 'drop_grace'");
    return counted;
  }
  Consequence one{.table = hold.table, .rows = static_cast<std::int64_t>(hold.rows)};
  if (mirror.with_keys) one.keys = hold.keys;
  for (const TableRecord& record : mirror.contents.records) {
    if (!SameName(record.table, hold.table) || record.row_count < 0) continue;
    one.rows = std::min(one.rows, record.row_count);
    note(absl::StrCat("table '", record.table, "' has ",
                      Counted(static_cast<std::uint64_t>(record.row_count), "row"), " now"));
  }
  counted.tables.push_back(std::move(one));
  note("the next cycle may take up to 10 % more rows than these, once");
  return counted;
}

Consequences CountAccepted(const CountedMirror& mirror, const Act& act) {
  Consequences counted = CountInvalidated(mirror, act);
  counted.notes = {
      "no row vanishes by this; the source that waits sends what the mirror lacks, of each table all rows at "
      "most, and deletes what it has not, as far as the breaker lets it"};
  return counted;
}

std::string WordsOf(const Consequences& consequences) {
  std::vector<std::string> words;
  for (const bool loses : {true, false}) {
    for (const Consequence& one : consequences.tables) {
      if (Loses(one) == loses && words.size() < kToldTablesMax) words.push_back(WordsOf(one));
    }
  }
  const std::size_t left = consequences.tables.size() - words.size();
  if (left > 0) words.push_back(absl::StrCat(Counted(left, "more table")));
  return words.empty() ? "no table" : absl::StrJoin(words, "; ");
}

}  // namespace mirror
