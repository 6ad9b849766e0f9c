#include "tests/support/memory/memory_snapshot.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/folded_name.h"
#include "proto/wire/text_form.h"
#include "server/store/live_rows.h"
#include "tests/support/memory/memory_store.h"
#include "tests/support/memory/no_history.h"

namespace mirror {
namespace {

/// See ContentsTable::stored. Columns that no definition has are the partner's, unless the rows are older.
TableSchema StoredForm(const MemoryMirror& mirror, const std::string& key, const TableSchema& agreed,
                       const TableSchema& present) {
  TableSchema stored = WithOwnColumns(present);
  const auto record = mirror.records.find(key);
  if (record != mirror.records.end() && record->second.state == TableState::kRepopulate) return stored;
  const TableSchema wanted = WithOwnColumns(agreed);
  std::erase_if(stored.columns, [&](const Column& column) { return !wanted.Find(column.name); });
  return stored;
}

MirrorContents ContentsOf(const MemoryMirror& mirror) {
  MirrorContents contents;
  contents.tenant = mirror.tenant;
  for (const auto& [value, expires_ms] : mirror.nonces) contents.nonces.push_back({value, expires_ms});
  for (const auto& [key, record] : mirror.records) contents.records.push_back(record);
  for (const auto& [key, agreed] : mirror.agreed) {
    const auto table = mirror.tables.find(key);
    if (table == mirror.tables.end()) continue;
    contents.tables.push_back({agreed, StoredForm(mirror, key, agreed, table->second.schema)});
  }
  contents.answers = mirror.answers;
  std::sort(contents.answers.begin(), contents.answers.end(),
            [](const auto& a, const auto& b) { return FoldName(a.table) < FoldName(b.table); });
  if (mirror.noted_cycle == mirror.tenant.cycle) {
    for (const auto& [key, note] : mirror.cycle_notes) contents.cycle_notes.push_back(note);
  }
  for (const auto& [key, lost] : mirror.lost_columns) {
    for (const auto& [column, position] : lost) contents.lost_columns.push_back({key, column, position});
  }
  for (const auto& [key, check] : mirror.checks) contents.checks.push_back(check);
  contents.holds = mirror.holds;
  contents.last_hold = mirror.holds_made;
  for (const auto& [key, losses] : mirror.losses) {
    for (const auto& [cycle, loss] : losses) contents.losses.push_back({key, loss});
  }
  contents.freshness = mirror.freshness;
  for (const auto& [number, text] : mirror.receipts) contents.receipts.push_back({number, text});
  for (const auto& [key, open] : mirror.open_receipts) contents.open_receipts.push_back({key, open});
  contents.hooks = mirror.hooks;
  contents.last_hook = mirror.last_hook;
  for (const auto& [key, document] : mirror.documents) contents.documents.push_back(document);
  for (const auto& [key, objects] : mirror.source_objects) contents.source_objects.push_back(objects);
  // It does not know of which columns its indexes are: who announces them makes them again.
  return contents;
}

/// The mirror as it was when this was made.
class MemorySnapshot final : public Snapshot {
 public:
  explicit MemorySnapshot(const MemoryMirror& mirror)
      : mirror_(std::make_shared<MemoryMirror>(mirror)), store_(mirror_, mirror.tenant.context_id) {}

  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return store_.records().ReadTable(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override { return store_.records().ReadTables(); }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return store_.records().ReadSchema(table);
  }

  absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                  const std::vector<std::uint32_t>& columns,
                                                  const std::vector<KeyRange>& ranges,
                                                  const GoOn& go_on) override {
    std::vector<RangeDigest> digests;
    const std::vector<KeyRange> all(1);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      if (!go_on()) return absl::CancelledError("cancelled");
      RangeDigest& digest = digests.emplace_back();
      for (const Row& row : Within(table, range)) digest.Add(DigestOf(row, columns));
    }
    return digests;
  }

  absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                        const std::vector<KeyRange>& ranges, std::size_t, const GoOn& go_on,
                        const TakeRows& take) override {
    RowBlock block = RowBlock::For(table, columns);
    const std::vector<KeyRange> all(1);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      if (!go_on()) return absl::CancelledError("cancelled");
      for (const Row& row : Within(table, range)) {
        for (ColumnBuffer& buffer : block.columns)
          Append(table.columns[buffer.column()], row[buffer.column()], &buffer);
      }
    }
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  JournalReader& journal() override { return journal_; }
  VersionReader& versions() override { return versions_; }

  absl::StatusOr<MirrorContents> ReadContents() override { return ContentsOf(*mirror_); }

  absl::Status CopyTo(const std::string&, const GoOnCopying&) override {
    return absl::UnimplementedError("memory has no file");
  }

 private:
  Row Bound(const TableSchema& table, const Key& key) const {
    Row bound;
    const std::vector<std::uint32_t> columns = table.Key();
    for (std::size_t i = 0; i < key.size(); ++i) {
      const Value value{
          .kind = key[i].kind, .integer = key[i].integer, .real = key[i].real, .bytes = key[i].bytes};
      bound.push_back(StoredCell(table.columns[columns[i]], value));
    }
    return bound;
  }

  Rows Within(const TableSchema& table, const KeyRange& range) const {
    const MemoryTable& found = mirror_->tables.at(FoldName(table.name));
    Rows rows = found.keyless;
    const Row first = Bound(table, range.first), last = Bound(table, range.last);
    const CellsInKeyOrder less;
    for (const auto& [key, row] : found.keyed) {
      if ((first.empty() || !less(key, first)) && (last.empty() || less(key, last))) rows.push_back(row);
    }
    return rows;
  }

  static std::uint64_t DigestOf(const Row& row, const std::vector<std::uint32_t>& columns) {
    RowDigest digest;
    for (const std::uint32_t column : columns) {
      const Cell& cell = row[column];
      switch (cell.kind) {
        case Kind::kNull:
          digest.AddNull();
          break;
        case Kind::kInteger:
          digest.AddInteger(cell.integer);
          break;
        case Kind::kReal:
          digest.AddReal(cell.real);
          break;
        case Kind::kBlob:
          digest.AddBytes(cell.bytes);
          break;
        default:
          digest.AddText(cell.bytes);
      }
    }
    return digest.Finish();
  }

  static void Append(const Column& column, const Cell& cell, ColumnBuffer* buffer) {
    if (HasTextForm(column.type) && cell.kind != Kind::kNull) {
      if (column.type == Type::kUuid) return buffer->AppendBytes(ParseUuid(cell.bytes).value());
      return buffer->AppendInt(ParseTextForm(column, cell.bytes).value());
    }
    switch (cell.kind) {
      case Kind::kNull:
        buffer->AppendNull();
        break;
      case Kind::kInteger:
        buffer->AppendInt(cell.integer);
        break;
      case Kind::kReal:
        buffer->AppendDouble(cell.real);
        break;
      default:
        buffer->AppendBytes(cell.bytes, cell.kind);
    }
  }

  NoJournalReader journal_;
  NoVersions versions_;
  std::shared_ptr<MemoryMirror> mirror_;
  mutable MemoryStore store_;
};

}  // namespace

std::unique_ptr<Snapshot> CopyOf(const MemoryMirror& mirror) {
  return std::make_unique<MemorySnapshot>(mirror);
}

}  // namespace mirror
