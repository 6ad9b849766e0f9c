#include "server/tenant/history/kept_row.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/journal/key_block.h"
#include "server/tenant/history/typed_key.h"

namespace mirror {
namespace {

absl::Status NoTable(const std::string& table) {
  return absl::NotFoundError(absl::StrCat("there is no table '", table,
                                          "' in the mirror. Nothing was read. 'mirrorctl tables' shows which "
                                          "there are."));
}

absl::StatusOr<bool> Stands(Snapshot& snapshot, const TableSchema& kept, const Key& key) {
  bool stands = false;
  RETURN_IF_ERROR(snapshot.ReadFirstRow(kept, kept.Key(), key, [&](RowBlock* block) -> absl::Status {
    const ChangeBatch batch = ViewOf(kept, block);
    Key found;
    for (const ColumnView& view : batch.columns) {
      const Value value = view.At(0);
      found.push_back({.kind = value.kind,
                       .integer = value.integer,
                       .real = value.real,
                       .bytes = std::string(value.bytes)});
    }
    stands = found == key;
    return absl::OkStatus();
  }));
  return stands;
}

}  // namespace

absl::StatusOr<KeptTable> FindTable(Snapshot& snapshot, const std::string& table) {
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot.ReadTable(table));
  if (!record) return NoTable(table);
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, snapshot.ReadSchema(record->table));
  if (!agreed) return NoTable(table);
  return KeptTable{record->table, KeptForm(*agreed)};
}

absl::StatusOr<MeantRow> FindRow(Snapshot& snapshot, const std::string& table, std::string_view key_text) {
  ASSIGN_OR_RETURN(KeptTable found, FindTable(snapshot, table));
  ASSIGN_OR_RETURN(Key key, ParseTypedKey(found.kept, key_text));
  ASSIGN_OR_RETURN(const bool stands, Stands(snapshot, found.kept, key));
  absl::StatusOr<bool> is_left = false;
  if (!stands && (found.kept.deletes != Deletes::kApply || found.kept.preserve_target)) {
    TableSchema all = found.kept;
    all.deletes = Deletes::kApply;
    all.preserve_target = false;
    is_left = Stands(snapshot, all, key);
    if (!is_left.ok()) return is_left.status();
  }
  return MeantRow{std::move(found.name), std::move(found.kept), std::move(key), stands, *is_left};
}

absl::StatusOr<KeptOfRow> CountKeptOfRow(Snapshot& snapshot, const MeantRow& row) {
  KeptOfRow kept;
  ASSIGN_OR_RETURN(const std::optional<TableHistory> history, snapshot.versions().ReadHistory(row.table));
  if (history) {
    RETURN_IF_ERROR(snapshot.versions().ReadVersions(
        *history, row.key, [&](const RowVersion& version, RowBlock*) -> absl::StatusOr<bool> {
          kept.versions += version.until == 0 ? 0 : 1;
          return true;
        }));
  }
  RETURN_IF_ERROR(snapshot.journal().WalkBack(
      row.table, OrderedKey(row.key.front()), [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
        if (entry.keys.empty()) return true;
        const absl::StatusOr<LookedKeys> block = LookForKey(entry.keys, row.key);
        kept.entries += !block.ok() || block->has_key ? 1 : 0;
        return true;
      }));
  return kept;
}

}  // namespace mirror
