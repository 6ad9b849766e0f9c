#include "server/store/postgres/tables/shadow.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {
namespace {

bool HasKeysOf(const TableSchema& kept, const ChangeBatch& batch) {
  return batch.operation == Operation::kInsert && batch.row_count > 0 && !kept.Key().empty();
}

}  // namespace

TableSchema ShadowForm(TableSchema kept) {
  kept.deletes = Deletes::kApply;
  kept.preserve_target = false;
  return kept;
}

absl::StatusOr<PostgresShadow> ParseShadow(const PostgresOwnTables& names, const StateRow& row) {
  PayloadReader payload(row.bytes());
  PostgresShadow shadow;
  shadow.table_key = row.table_key;
  shadow.cycle = payload.Number();
  shadow.rows = payload.Number();
  shadow.name = payload.Text();
  shadow.kinds = payload.Text();
  for (std::int64_t parts = payload.Number(); parts > 0 && payload.is_whole(); --parts) {
    KeyPart& part = shadow.greatest.emplace_back();
    part.kind = static_cast<Kind>(payload.Number());
    part.integer = payload.Number();
    part.real = std::bit_cast<double>(payload.Number());
    part.bytes = payload.Text();
  }
  if (!payload.is_whole() || shadow.name.empty()) return DamagedState(names, StateKind::kShadow);
  return shadow;
}

StateRow ShadowRow(const PostgresShadow& shadow) {
  PayloadWriter payload;
  payload.Number(shadow.cycle).Number(shadow.rows).Text(shadow.name).Text(shadow.kinds);
  payload.Number(static_cast<std::int64_t>(shadow.greatest.size()));
  for (const KeyPart& part : shadow.greatest) {
    payload.Number(static_cast<std::int64_t>(part.kind))
        .Number(part.integer)
        .Number(std::bit_cast<std::int64_t>(part.real))
        .Text(part.bytes);
  }
  return {shadow.table_key, 0, payload.Take()};
}

namespace {

/// Adds the columns that the merge needs. Runs before the first row is sent. If this were done in the swap,
/// readers would wait during the whole merge.
absl::Status PrepareMerge(TableWork& work, const TableSchema& kept) {
  if (KeepsPartner(kept)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto present, ReadPresent(work.connection, work.names, {kept.name}));
  const auto table = present.find(kept.name);
  if (table == present.end() || !WhyNotMerged(kept, table->second).empty()) return absl::OkStatus();
  return AddMissingColumns(work, kept.name, kept, table->second);
}

}  // namespace

absl::StatusOr<PostgresShadow> RunBeginShadow(TableWork& work, const PostgresAgreed& agreed,
                                              const BeginShadow& begin) {
  CrashPoint("shadow.beginning");
  RETURN_IF_ERROR(PrepareMerge(work, KeptForm(begin.schema)));
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  const TableSchema kept = ShadowForm(KeptForm(begin.schema));
  PostgresShadow shadow{FoldName(kept.name), ShadowName(id), begin.cycle, 0, agreed.kinds, {}};
  AddKinds(kept, &shadow.kinds);
  // Autovacuum is off. A table that autovacuum analyzes at the moment could not be renamed, and no other
  // process should clean up after a population.
  absl::Status made = RunOnTable(work,
                                 absl::StrCat(CreateTableSql(work, shadow.name, kept, id), "; ALTER TABLE ",
                                              work.In(shadow.name), " SET (autovacuum_enabled = off)"),
                                 "making a table for a population");
  // No role may read an incomplete population.
  if (made.ok()) made = TakeRights(work.connection, work.In(shadow.name));
  if (!made.ok()) return made;
  WriteShadow(work, shadow);
  return shadow;
}

void WriteShadow(TableWork& work, const PostgresShadow& shadow) {
  PutState(work.writes, work.names, StateKind::kShadow, ShadowRow(shadow));
}

void DropShadow(TableWork& work, const PostgresShadow& shadow) {
  RemoveState(work.writes, work.names, StateKind::kShadow, shadow.table_key);
  MakeGarbage(work, shadow.name);
}

void DropOldShadows(TableWork& work, const std::vector<PostgresShadow>& shadows, std::int64_t cycle) {
  for (const PostgresShadow& shadow : shadows) {
    if (shadow.cycle != cycle) DropShadow(work, shadow);
  }
  work.writes.Add(absl::StrCat("DELETE FROM ", work.names.receipts, " WHERE kind = $1 AND cycle <> $2"),
                  {kPartKind, cycle});
}

PostgresTarget ShadowTarget(const TableWork& work, const PostgresShadow& shadow, const TableSchema& kept,
                            const ChangeBatch& batch) {
  return {work.In(shadow.name), work.names.receipts, KindsOf(kept, shadow.kinds),
          HasKeysOf(kept, batch) && (shadow.greatest.empty() || LeastKey(kept, batch) > shadow.greatest)};
}

void NoteKeys(const TableSchema& kept, const ChangeBatch& batch, PostgresShadow* shadow) {
  if (!HasKeysOf(kept, batch)) return;
  shadow->greatest = std::max(std::move(shadow->greatest), GreatestKey(kept, batch));
}

}  // namespace mirror
