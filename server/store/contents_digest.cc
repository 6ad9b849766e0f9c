#include "server/store/contents_digest.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table_pack.h"
#include "server/store/mirror_contents.h"

namespace mirror {
namespace {

/// Packs values as bytes. Different values always give different bytes.
class Packed {
 public:
  void Add(const std::string& text) { absl::StrAppend(&bytes_, text.size(), ":", text); }
  template <typename Number>
  requires std::is_integral_v<Number> || std::is_enum_v<Number>
  void Add(Number number) { absl::StrAppend(&bytes_, static_cast<std::int64_t>(number), ";"); }
  template <typename Value>
  void Add(const std::optional<Value>& value) {
    Add(value.has_value());
    if (value) Add(*value);
  }
  template <typename Value>
  void Add(const std::vector<Value>& values) {
    Add(values.size());
    for (const Value& value : values) Add(value);
  }

  void Add(const Position& position) { AddAll(position.lsn.value, position.lineage); }
  void Add(const TenantRecord& tenant) {
    AddAll(tenant.context_id, tenant.issuer, tenant.environment, tenant.source_id, tenant.cycle,
           tenant.active, tenant.completed_cycle, tenant.completed_ms, tenant.missed_cycle, tenant.missed_ms,
           tenant.scrub, tenant.source_accepted);
  }
  void Add(const TableRecord& record) {
    AddAll(record.table, record.schema_hash, record.position, record.pending, record.seq, record.row_count,
           record.cycle, record.state);
  }
  void Add(const SchemaAnswer& answer) { AddAll(answer.table, answer.action, answer.reason); }
  void Add(const CycleNote& note) { AddAll(note.kind, note.table, note.seq); }
  void Add(const LostColumn& lost) { AddAll(lost.table, lost.column, lost.position); }
  void Add(const TableCheck& check) {
    AddAll(check.table, check.equality, check.position, check.checked_ms, check.rows_differ, check.wanted);
  }
  void Add(const Hold& hold) {
    AddAll(hold.id, hold.kind, hold.table, hold.rows, hold.rows_before, hold.tables, hold.source_id,
           hold.since_ms, hold.state, hold.reason, hold.keys);
  }
  void Add(const LossOfTable& one) {
    AddAll(one.table, one.loss.cycle, one.loss.at_ms, one.loss.planned, one.loss.rows, one.loss.rows_before,
           one.loss.committed);
  }
  void Add(const Freshness& freshness) {
    Add(freshness.all_ms);
    Add(freshness.tables.size());
    for (const auto& [table, ms] : freshness.tables) AddAll(table, ms);
  }
  void Add(const KeptReceipt& receipt) { AddAll(receipt.number, receipt.text); }
  void Add(const OpenReceiptOfTable& one) {
    AddAll(one.table, one.open.cycle, one.open.seq, one.open.content, one.open.inserts, one.open.updates,
           one.open.deletes);
  }
  void Add(const HookNote& note) {
    AddAll(note.id, note.hook, note.event, note.cycle, note.at_ms, note.json);
  }
  void Add(const Document& one) { AddAll(one.kind, one.id, one.text, one.at_ms); }
  void Add(const KeptObjects& kept) { AddAll(kept.table, PackObjects(kept.objects)); }
  void Add(const ContentsTable& table) { Add(PackTable(table.agreed)); }
  void Add(const RangeDigest& digest) { AddAll(digest.rows, digest.sum); }

  template <typename... Values>
  void AddAll(const Values&... values) {
    (Add(values), ...);
  }
  std::string Digest() const { return HexDigest(bytes_); }

 private:
  std::string bytes_;
};

void AddMetadata(const MirrorContents& contents, Packed* packed) {
  // Some kinds of stores keep the lost columns of a table that no longer exists. The digest leaves them out.
  std::vector<LostColumn> lost;
  for (const LostColumn& one : contents.lost_columns) {
    const auto is_of_it = [&](const TableRecord& record) { return FoldName(record.table) == one.table; };
    if (std::any_of(contents.records.begin(), contents.records.end(), is_of_it)) lost.push_back(one);
  }
  packed->AddAll(contents.tenant, contents.records, contents.tables, contents.answers, contents.cycle_notes,
                 lost, contents.checks, contents.holds, contents.losses, contents.freshness,
                 contents.receipts, contents.open_receipts, contents.hooks, contents.documents,
                 contents.source_objects);
}

}  // namespace

absl::StatusOr<std::string> DigestContents(Snapshot& mirror, const GoOn& go_on) {
  ASSIGN_OR_RETURN(const MirrorContents contents, mirror.ReadContents());
  Packed packed;
  AddMetadata(contents, &packed);
  for (const ContentsTable& table : contents.tables) {
    ASSIGN_OR_RETURN(const auto digests, mirror.Digest(table.stored, table.stored.AllColumns(), {}, go_on));
    packed.Add(digests);
  }
  return packed.Digest();
}

absl::StatusOr<std::string> DigestMetadata(Snapshot& mirror) {
  ASSIGN_OR_RETURN(const MirrorContents contents, mirror.ReadContents());
  Packed packed;
  AddMetadata(contents, &packed);
  return packed.Digest();
}

}  // namespace mirror
