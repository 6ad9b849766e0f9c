#include "server/consequences/compare_moments.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "server/consequences/others_objects.h"
#include "server/plan/hold_keys.h"

namespace mirror {
namespace {

/// Of one side: the columns that both have, those of the key first, in the order of the key.
struct Side {
  const CountedMirror& mirror;
  TableSchema kept;
  std::vector<std::uint32_t> columns;
  std::size_t key_size = 0;
};

/// A row's key, and its values as they are told apart.
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

KeyPart PartOf(const Value& value) {
  return {
      .kind = value.kind, .integer = value.integer, .real = value.real, .bytes = std::string(value.bytes)};
}

void AppendRows(const Side& side, RowBlock* block, std::vector<Row>* rows) {
  const ChangeBatch batch = ViewOf(side.kept, block);
  RowDigest digest;
  for (std::uint32_t row = 0; row < batch.row_count; ++row) {
    Row& read = rows->emplace_back();
    for (std::size_t i = 0; i < side.columns.size(); ++i) {
      const Value value = batch.Find(side.columns[i])->At(row);
      if (i < side.key_size) read.key.push_back(PartOf(value));
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

/// Compares two tables piece by piece: a piece of the copy, and what the mirror has between its ends. The
/// copy is a file, whose reading may be left at any row; what is read of the mirror is read to its end.
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
  /// At least two rows, where there are more than one.
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
    // The last block is taken as any other; the piece behind it has one row then.
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

/// Absent: the rows cannot be told apart by one key.
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

/// Rows of an older definition are not read.
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
      has_records ? "what was written over HTTP since the copy is not in it, and nobody sends it again"
                  : "its source catches the mirror up from where the copy stands");
  const std::vector<OthersObject> copied = OthersObjects(then.contents);
  std::vector<std::string> others;
  for (const OthersObject& other : OthersObjects(now->contents)) {
    if (std::find(copied.begin(), copied.end(), other) != copied.end()) continue;
    others.push_back(other.of_table.empty() ? other.words
                                            : absl::StrCat(other.words, " of '", other.of_table, "'"));
  }
  if (!others.empty()) {
    counted->notes.push_back(
        absl::StrCat("what others made and the copy has not: ", absl::StrJoin(others, ", ")));
  }
  counted->notes.push_back("the mirror as it is stays beside it");
}

/// Of the journal, and of the history that goes with it.
absl::Status NoteJournal(const CountedMirror& now, const CountedMirror& then, Consequences* counted) {
  ASSIGN_OR_RETURN(const JournalBounds here, now.snapshot.journal().ReadBounds());
  ASSIGN_OR_RETURN(const JournalBounds there, then.snapshot.journal().ReadBounds());
  const std::int64_t since = here.last.number - there.last.number;
  if (since <= 0) return absl::OkStatus();
  counted->notes.push_back(
      absl::StrCat(Counted(static_cast<std::uint64_t>(since), "entry"),
                   " of the journal came since the copy, and versions of rows with them: they go, and their "
                   "numbers are given again, those of moments, too"));
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
  if (now != nullptr) {
    RETURN_IF_ERROR(NoteJournal(*now, then, &counted));
  }
  NoteSince(now, then, &counted);
  counted.token = StateToken(act, now == nullptr ? MirrorState() : StateOf(now->contents));
  return counted;
}

}  // namespace mirror
