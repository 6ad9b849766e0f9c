#include "client/exchange/datajoin/outbox_fill.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/datajoin/log_positions.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/log/log_sql.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

/// What a piece of a log says of one key.
struct KeyChange {
  RowOf key;
  bool whole = false;               ///< Inserted, removed or moved; else only updated.
  bool ended = false;               ///< A row with this key surely went, whatever stands there now.
  std::vector<std::int64_t> masks;  ///< A bit for each column that changed.
};

struct LogPiece {
  std::vector<KeyChange> changes;  ///< In the order in which the keys came first.
  std::int64_t last = 0;           ///< Position up to which it was read.
  bool more = false;
};

std::string KeyText(const RowOf& key) {
  std::vector<Literal> values;
  for (const sqlite::Value& value : key) values.push_back(ToLiteral(value));
  return KeyJson(values);
}

void TakeMasks(const sqlite::Statement& row, int first, KeyChange* change) {
  if (row.IsNull(first) || row.Int(first) < 0) {
    change->whole = true;
    change->ended = change->ended || !row.IsNull(first);
    return;
  }
  const auto count = static_cast<std::size_t>(row.columns() - first);
  change->masks.resize(std::max(change->masks.size(), count));
  for (std::size_t i = 0; i < count; ++i) change->masks[i] |= row.Int(first + static_cast<int>(i));
}

absl::StatusOr<LogPiece> ReadPiece(const SqliteFile& file, const MemberTable& table, std::int64_t from) {
  LogPiece piece;
  piece.last = from;
  std::map<std::string, std::size_t> known;
  const int masks_at = 1 + static_cast<int>(table.key.size());
  // All columns of it: how many masks a log has is known to itself alone.
  sqlite::Statement query = file.Query(
      absl::StrCat("SELECT * FROM main.", LogName(table.log), " WHERE seq > ?1 ORDER BY seq LIMIT ?2"));
  query.With(from, kOutboxPiece + 1);
  std::int64_t entries = 0;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    piece.more = ++entries > kOutboxPiece;
    if (piece.more) break;
    piece.last = query.Int(0);
    RowOf key;
    for (int i = 1; i < masks_at; ++i) key.push_back(query.ValueAt(i));
    const auto [at, fresh] = known.try_emplace(KeyText(key), piece.changes.size());
    if (fresh) piece.changes.push_back({std::move(key)});
    TakeMasks(query, masks_at, &piece.changes[at->second]);
  }
  if (!row.ok()) return row.status();
  return piece;
}

/// Puts lines into the outbox.
class OutboxWriter {
 public:
  OutboxWriter(const SqliteFile& file, const std::string& database, std::int64_t now_ms)
      : file_(file), database_(database), now_ms_(now_ms) {}

  absl::Status Begin() {
    const absl::StatusOr<std::int64_t> highest = HighestEntry(file_, kOutboxTable);
    if (!highest.ok()) return highest.status();
    const absl::StatusOr<std::int64_t> given = file_.Number("SELECT outbox_id FROM main._mirror_datajoin");
    if (!given.ok()) return given.status();
    // An id is never used again, also where somebody empties the box.
    id_ = std::max(*highest, *given);
    return absl::OkStatus();
  }

  absl::Status Tell(const MemberTable& table, const KeyChange& change) {
    const std::vector<std::uint32_t> columns = table.PlainColumns();
    const absl::StatusOr<std::optional<RowOf>> row = ReadRow(file_, table, change.key, columns);
    if (!row.ok()) return row.status();
    if (change.ended || (change.whole && !*row)) {
      if (absl::Status told = Add(table, change, "D", "", std::nullopt); !told.ok()) return told;
    }
    if (!*row) return absl::OkStatus();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const sqlite::Value& value = (**row)[i];
      if (change.whole ? value.type == sqlite::Type::kNull : !Changed(change, columns[i])) continue;
      absl::Status told = Add(table, change, change.whole ? "I" : "U",
                              table.plan.schema.columns[columns[i]].name, BoxText(value));
      if (!told.ok()) return told;
    }
    return absl::OkStatus();
  }

  absl::Status End() {
    return file_.Query("UPDATE main._mirror_datajoin SET outbox_id = ?1 WHERE outbox_id <> ?1")
        .With(id_)
        .Run();
  }

 private:
  static bool Changed(const KeyChange& change, std::uint32_t column) {
    const std::size_t mask = column / kMaskBits;
    return mask < change.masks.size() && ((change.masks[mask] >> (column % kMaskBits)) & 1) != 0;
  }

  absl::Status Add(const MemberTable& table, const KeyChange& change, const char* operation,
                   const std::string& attribute, std::optional<std::string> value) {
    BoxEntry entry;
    entry.object_database = entry.updated_by_server_id = database_;
    entry.object_table = table.name();
    entry.object_pk_attribute = BoxKeyNames(table);
    entry.object_attribute = attribute;
    entry.object_id = BoxId(change.key);
    entry.object_value = std::move(value);
    entry.object_operation = operation;
    entry.update_ms = now_ms_;
    entry.note = kFilledNote;
    return AddEntry(file_, kOutboxTable, ++id_, entry);
  }

  const SqliteFile& file_;
  const std::string& database_;
  const std::int64_t now_ms_;
  std::int64_t id_ = 0;
};

}  // namespace

absl::StatusOr<bool> FillOutbox(const SqliteFile& file, const ExchangeRules& rules,
                                const std::string& database, std::int64_t now_ms) {
  const LogPositions positions(file);
  const absl::StatusOr<std::vector<LogPositions::Waiting>> waiting = positions.Find();
  if (!waiting.ok()) return waiting.status();
  if (waiting->empty()) return false;
  MemberTables tables(file, rules);
  if (absl::Status fresh = tables.Refresh().status(); !fresh.ok()) return fresh;
  OutboxWriter outbox(file, database, now_ms);
  if (absl::Status begun = outbox.Begin(); !begun.ok()) return begun;
  bool more = false;
  for (const LogPositions::Waiting& one : *waiting) {
    const absl::StatusOr<const MemberTable*> table = tables.FindByLog(one.log);
    if (!table.ok()) return table.status();
    // Of a table without a key no entry could name a row.
    if (*table == nullptr || (*table)->key.empty()) {
      if (absl::Status moved = positions.Move(one.log, one.last); !moved.ok()) return moved;
      continue;
    }
    const absl::StatusOr<LogPiece> piece = ReadPiece(file, **table, one.from);
    if (!piece.ok()) return piece.status();
    for (const KeyChange& change : piece->changes) {
      if (absl::Status told = outbox.Tell(**table, change); !told.ok()) return told;
    }
    if (absl::Status moved = positions.Move(one.log, piece->last); !moved.ok()) return moved;
    more = more || piece->more;
  }
  if (absl::Status ended = outbox.End(); !ended.ok()) return ended;
  return more;
}

}  // namespace mirror
