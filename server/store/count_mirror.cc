#include "server/store/count_mirror.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_part.h"
#include "proto/wire/key_range.h"
#include "server/plan/hold_keys.h"
#include "server/store/others_objects.h"
#include "server/store/snapshot.h"

namespace mirror {
namespace {

/// Data that the mirror keeps for a table beside its rows, and deletes with the table.
struct KeptBeside {
  std::int64_t versions = 0;  ///< Former versions of its rows.
  std::int64_t entries = 0;   ///< Entries of the journal. It is unknown who has read them.
};

/// Counts these data. Both are 0 if the mirror has neither history nor journal. Errors: those of the
/// snapshot.
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

/// Maximum bytes of keys in one block that is read.
constexpr std::size_t kKeyBlockBytes = 64 << 10;
/// Maximum number of tables that a message names one by one.
constexpr std::size_t kToldTablesMax = 5;

/// Returns the tables that `act` affects, by folded name.
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

/// Counts the source's rows, the rows of others, and what is kept beside the rows.
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

/// Returns the objects of others that belong to no mirrored table.
std::vector<std::string> OfNoTable(const MirrorContents& contents) {
  std::vector<std::string> names;
  for (const OthersObject& other : OthersObjects(contents)) {
    if (other.of_table.empty()) names.push_back(other.words);
  }
  return names;
}

/// Returns whether the act changes something of the table.
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
  add(one.partner_rows, "row", " that the source does not have");
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
  // Reads to the end, because in some stores a read that is cancelled ends the snapshot.
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
  counted.notes.push_back("no row is lost: the next cycle sends all rows of these tables again");
  counted.token = StateToken(act, StateOf(mirror.contents));
  return counted;
}

absl::StatusOr<Consequences> CountReset(const CountedMirror& mirror, const Act& act, bool kept) {
  absl::StatusOr<Consequences> counted = CountGone(mirror, act);
  if (!counted.ok()) return counted;
  for (Consequence& table : counted->tables) {
    table.rows_to_send = table.rows;
    // The journal stays. It gets an entry that says that the table was removed.
    if (!kept) table.entries = 0;
  }
  std::vector<std::string> views;
  for (const OthersObject& other : OthersObjects(mirror.contents)) {
    if (other.is_view && other.of_table.empty()) views.push_back(other.words);
  }
  if (!views.empty()) {
    counted->notes.push_back(
        absl::StrCat("these views stay, but fail if they read such a table before the next cycle has made "
                     "it: ",
                     absl::StrJoin(views, ", ")));
  }
  const bool has_versions = std::any_of(counted->tables.begin(), counted->tables.end(),
                                        [](const Consequence& table) { return table.versions > 0; });
  if (!kept && has_versions) {
    counted->notes.push_back(
        "former versions of rows are kept in tables _mirror_dropped_<n>, for the "
        "time of 'drop_grace'");
  }
  counted->notes.push_back(kept ? "a copy of the whole mirror is kept beside it"
                                : "no copy is kept; the source sends its rows again, but not the partner's "
                                  "rows, values and objects");
  return counted;
}

absl::StatusOr<Consequences> CountDeleted(const CountedMirror& mirror, const Act& act) {
  absl::StatusOr<Consequences> counted = CountGone(mirror, act);
  if (!counted.ok()) return counted;
  std::vector<std::string> others = OfNoTable(mirror.contents);
  if (!others.empty()) counted->tables.push_back({.table = "", .objects = std::move(others)});
  const bool has_records = mirror.contents.tenant.door() == Door::kRecords;
  counted->notes.push_back(has_records ? "these records came over HTTP, and nobody sends them again"
                                       : "the copies that 'reset' and 'restore' kept of it are deleted, "
                                         "too; the server tells its source not to replicate until "
                                         "'mirrorctl allow'");
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
    note("the next cycle that asks for it sets these tables aside; they are dropped after 'drop_grace'");
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
  note("the next cycle may remove up to 10 % more rows than these, once");
  return counted;
}

Consequences CountAccepted(const CountedMirror& mirror, const Act& act) {
  Consequences counted = CountInvalidated(mirror, act);
  counted.notes = {
      "no row is lost by this; the source that waits then sends the rows that the mirror lacks (at most all "
      "rows of each table) and deletes the rows that it does not have, as far as the breaker allows"};
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

namespace {

/// One side of a comparison. `columns`: those that both sides have, with the key's columns first, in key
/// order.
struct Side {
  const CountedMirror& mirror;
  TableSchema kept;
  std::vector<std::uint32_t> columns;
  std::size_t key_size = 0;
};

/// The key of a row, and a digest of its values.
struct Row {
  Key key;
  std::uint64_t digest = 0;
};

void AddValue(const Value& value, RowDigest* digest) {
  switch (value.kind) {
    case Kind::kNull:
      return digest->AddNull();
    case Kind::kInteger:
      return digest->AddInteger(value.integer);
    case Kind::kReal:
      return digest->AddReal(value.real);
    case Kind::kText:
      return digest->AddText(value.bytes);
    case Kind::kBlob:
    case Kind::kRawText:
      return digest->AddBytes(value.bytes);
  }
}

void AppendRows(const Side& side, RowBlock* block, std::vector<Row>* rows) {
  const ChangeBatch batch = ViewOf(side.kept, block);
  RowDigest digest;
  for (std::uint32_t row = 0; row < batch.row_count; ++row) {
    Row& read = rows->emplace_back();
    for (std::size_t i = 0; i < side.columns.size(); ++i) {
      const Value value = batch.Find(side.columns[i])->At(row);
      if (i < side.key_size) read.key.push_back(KeyPartOf(value));
      AddValue(value, &digest);
    }
    read.digest = digest.Finish();
  }
}

struct KeyLess {
  bool operator()(const Key& a, const Key& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const KeyPart& x, const KeyPart& y) { return (x <=> y) < 0; });
  }
};

/// Compares two tables piece by piece. It reads a piece of the copy, and then the mirror's rows between the
/// ends of that piece. The copy is a file, so reading it may stop at any row. A read of the mirror always
/// runs to its end.
class Comparing {
 public:
  Comparing(const Side& now, const Side& then, std::size_t block_bytes, bool with_keys)
      : now_(now), then_(then), block_bytes_(block_bytes), with_keys_(with_keys) {}

  absl::Status Run(Consequence* out) {
    Key from;
    for (bool is_last = false; !is_last;) {
      std::vector<Row> piece;
      KeyRange range{from, {}};
      RETURN_IF_ERROR(ReadPiece(range, &piece, &is_last));
      if (!is_last) {
        range.last = piece.back().key;
        piece.pop_back();
      }
      RETURN_IF_ERROR(ComparePiece(range, piece, out));
      from = range.last;
    }
    out->restored->compared = true;
    return absl::OkStatus();
  }

 private:
  /// Reads a piece. It has at least two rows, unless there is only one.
  absl::Status ReadPiece(const KeyRange& range, std::vector<Row>* piece, bool* is_last) {
    *is_last = true;
    constexpr std::size_t kRowsMin = 2;
    absl::Status read = then_.mirror.snapshot.ReadRows(
        then_.kept, then_.columns, {range}, block_bytes_, then_.mirror.go_on,
        [&](RowBlock* block) -> absl::Status {
          AppendRows(then_, block, piece);
          *is_last = piece->size() < kRowsMin;
          return *is_last ? absl::OkStatus() : absl::CancelledError("the piece is whole");
        });
    // The last block is treated as the others are. The piece after it then has one row.
    return *is_last ? read : absl::OkStatus();
  }

  absl::Status ComparePiece(const KeyRange& range, const std::vector<Row>& piece, Consequence* out) {
    std::map<Key, std::uint64_t, KeyLess> left;
    for (const Row& row : piece) left.emplace(row.key, row.digest);
    RestoredTable& table = *out->restored;
    absl::Status read = now_.mirror.snapshot.ReadRows(now_.kept, now_.columns, {range}, block_bytes_,
                                                      now_.mirror.go_on, [&](RowBlock* block) {
                                                        std::vector<Row> rows;
                                                        AppendRows(now_, block, &rows);
                                                        for (const Row& row : rows) {
                                                          const auto found = left.find(row.key);
                                                          if (found == left.end()) {
                                                            ++table.only_now;
                                                            Show(row.key, out);
                                                            continue;
                                                          }
                                                          if (found->second != row.digest) {
                                                            ++table.different;
                                                            Show(row.key, out);
                                                          }
                                                          left.erase(found);
                                                        }
                                                        return absl::OkStatus();
                                                      });
    table.only_then += left.size();
    return read;
  }

  void Show(const Key& key, Consequence* out) const {
    if (with_keys_ && out->keys.size() < kShownKeysMax) out->keys.push_back(HoldKeyText(key));
  }

  const Side& now_;
  const Side& then_;
  const std::size_t block_bytes_;
  const bool with_keys_;
};

const TableSchema* FindSchema(const MirrorContents& contents, const std::string& table) {
  for (const ContentsTable& one : contents.tables) {
    if (SameName(one.agreed.name, table)) return &one.agreed;
  }
  return nullptr;
}

/// Pairs the two sides of a table. Absent: no key distinguishes the rows on both sides.
std::optional<std::pair<Side, Side>> SidesOf(const CountedMirror& now, const CountedMirror& then,
                                             const std::string& table) {
  const TableSchema* const here = FindSchema(now.contents, table);
  const TableSchema* const there = FindSchema(then.contents, table);
  if (here == nullptr || there == nullptr) return std::nullopt;
  std::pair<Side, Side> sides{{.mirror = now, .kept = KeptForm(*here)},
                              {.mirror = then, .kept = KeptForm(*there)}};
  auto& [a, b] = sides;
  a.columns = a.kept.Key();
  b.columns = b.kept.Key();
  a.key_size = b.key_size = a.columns.size();
  if (a.columns.empty() || a.columns.size() != b.columns.size()) return std::nullopt;
  for (std::size_t i = 0; i < a.columns.size(); ++i) {
    const Column& one = a.kept.columns[a.columns[i]];
    const Column& other = b.kept.columns[b.columns[i]];
    if (!SameName(one.name, other.name) || one.type != other.type) return std::nullopt;
  }
  for (std::uint32_t column = 0; column < a.kept.columns.size(); ++column) {
    if (a.kept.columns[column].key_position != 0) continue;
    const std::optional<std::uint32_t> same = b.kept.Find(a.kept.columns[column].name);
    if (!same || b.kept.columns[*same].type != a.kept.columns[column].type) continue;
    a.columns.push_back(column);
    b.columns.push_back(*same);
  }
  return sides;
}

using Records = std::map<std::string, const TableRecord*>;
Records ByName(const std::vector<TableRecord>& records) {
  Records by_name;
  for (const TableRecord& record : records) by_name[FoldName(record.table)] = &record;
  return by_name;
}

/// Returns whether the rows can be read. Rows of an older definition cannot.
bool CanBeRead(const TableRecord* record) {
  return record != nullptr && record->state != TableState::kRepopulate;
}

void NoteSince(const CountedMirror* now, const CountedMirror& then, Consequences* counted) {
  if (now == nullptr) {
    counted->notes.push_back("there is no mirror now: nothing is replaced");
    return;
  }
  const auto last = [](const CountedMirror& of) {
    return of.contents.receipts.empty() ? 0 : of.contents.receipts.back().number;
  };
  if (last(*now) > last(then)) {
    counted->notes.push_back(
        absl::StrCat(Counted(last(*now) - last(then), "receipt"), " of commits came since the copy"));
  }
  const bool has_records = now->contents.tenant.door() == Door::kRecords;
  counted->notes.push_back(
      has_records ? "the copy lacks the records that were written over HTTP after it, and nobody sends them "
                    "again"
                  : "the source then sends its changes since the copy's position");
  const std::vector<OthersObject> copied = OthersObjects(then.contents);
  std::vector<std::string> others;
  for (const OthersObject& other : OthersObjects(now->contents)) {
    if (std::find(copied.begin(), copied.end(), other) != copied.end()) continue;
    others.push_back(other.of_table.empty() ? other.words
                                            : absl::StrCat(other.words, " of '", other.of_table, "'"));
  }
  if (!others.empty()) {
    counted->notes.push_back(
        absl::StrCat("objects of others that the copy does not have: ", absl::StrJoin(others, ", ")));
  }
  counted->notes.push_back("the present mirror is kept beside the restored one");
}

/// Adds notes about the journal, and about the history, which depends on it.
absl::Status NoteJournal(const CountedMirror& now, const CountedMirror& then, Consequences* counted) {
  ASSIGN_OR_RETURN(const JournalBounds here, now.snapshot.journal().ReadBounds());
  ASSIGN_OR_RETURN(const JournalBounds there, then.snapshot.journal().ReadBounds());
  const std::int64_t since = here.last.number - there.last.number;
  if (since <= 0) return absl::OkStatus();
  counted->notes.push_back(
      absl::StrCat(Counted(static_cast<std::uint64_t>(since), "entry"),
                   " of the journal came since the copy, with versions of rows: the restore removes them, "
                   "and new entries and moments get their numbers again"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Consequences> CountRestored(const CountedMirror* now, const CountedMirror& then,
                                           const Act& act, bool quick, std::size_t block_bytes) {
  Consequences counted;
  const Records here = now == nullptr ? Records() : ByName(now->contents.records);
  const Records there = ByName(then.contents.records);
  std::map<std::string, std::pair<const TableRecord*, const TableRecord*>> all;
  for (const auto& [name, record] : here) all[name].first = record;
  for (const auto& [name, record] : there) all[name].second = record;
  for (const auto& [name, records] : all) {
    const auto& [of_now, of_then] = records;
    Consequence& one = counted.tables.emplace_back();
    one.table = of_now != nullptr ? of_now->table : of_then->table;
    RestoredTable& table = one.restored.emplace();
    if (of_now != nullptr) table.lsn_now = of_now->position.lsn.value;
    if (of_then != nullptr) table.lsn_then = of_then->position.lsn.value;
    table.rows_now = of_now != nullptr ? of_now->row_count : 0;
    table.rows_then = of_then != nullptr ? of_then->row_count : 0;
    if (quick) continue;
    if (of_now == nullptr || of_then == nullptr) {
      table.compared = table.rows_now >= 0 && table.rows_then >= 0;
      if (!table.compared) continue;
      table.only_now = static_cast<std::uint64_t>(table.rows_now);
      table.only_then = static_cast<std::uint64_t>(table.rows_then);
    } else if (CanBeRead(of_now) && CanBeRead(of_then)) {
      const auto sides = SidesOf(*now, then, one.table);
      if (!sides) continue;
      RETURN_IF_ERROR(Comparing(sides->first, sides->second, block_bytes, now->with_keys).Run(&one));
    }
    if (table.compared) one.rows = static_cast<std::int64_t>(table.only_now);
  }
  if (now != nullptr) RETURN_IF_ERROR(NoteJournal(*now, then, &counted));
  NoteSince(now, then, &counted);
  counted.token = StateToken(act, now == nullptr ? MirrorState() : StateOf(now->contents));
  return counted;
}

}  // namespace mirror
