#include "server/store/state_token.h"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::size_t kTokenDigits = 16;

/// Packs values as bytes. Different values always give different bytes.
class PackedState {
 public:
  void Add(const std::string& text) { absl::StrAppend(&bytes_, text.size(), ":", text); }
  template <typename Number>
  requires std::is_integral_v<Number> || std::is_enum_v<Number>
  void Add(Number number) { absl::StrAppend(&bytes_, static_cast<std::int64_t>(number), ";"); }
  void Add(const std::vector<std::string>& texts) {
    Add(texts.size());
    for (const std::string& text : texts) Add(text);
  }
  void Add(const Position& position) { AddAll(position.lsn.value, position.lineage); }
  void Add(const TableRecord& record) {
    AddAll(record.table, record.schema_hash, record.position, record.row_count, record.state);
    Add(record.pending.has_value());
    // Each batch of a cycle changes `seq`, until the cycle commits.
    if (record.pending) AddAll(*record.pending, record.seq);
  }
  void Add(const Hold& hold) {
    AddAll(hold.id, hold.kind, hold.table, hold.rows, hold.rows_before, hold.tables, hold.source_id,
           hold.state);
  }
  template <typename... Values>
  void AddAll(const Values&... values) {
    (Add(values), ...);
  }
  std::string Token() const { return HexDigest(bytes_).substr(0, kTokenDigits); }

 private:
  std::string bytes_;
};

}  // namespace

MirrorState StateOf(const MirrorContents& contents) {
  return {contents.tenant, contents.records, contents.holds};
}

absl::StatusOr<MirrorState> ReadState(StoreRecords& records, const TenantRecord& tenant) {
  MirrorState state{.tenant = tenant};
  ASSIGN_OR_RETURN(state.records, records.ReadTables());
  ASSIGN_OR_RETURN(std::vector<Hold> holds, records.ReadHolds());
  state.holds = std::move(holds);
  return state;
}

std::string StateToken(const Act& act, const MirrorState& state) {
  PackedState packed;
  std::set<std::string> meant;
  for (const std::string& table : act.tables) meant.insert(FoldName(table));
  packed.AddAll(act.call, act.more, meant.size());
  const TenantRecord& tenant = state.tenant;
  packed.AddAll(tenant.context_id, tenant.issuer, tenant.environment, tenant.source_id,
                tenant.source_accepted, tenant.paused, tenant.pause_reason);
  std::map<std::string, const TableRecord*> by_name;
  for (const TableRecord& record : state.records) {
    if (meant.empty() || meant.contains(FoldName(record.table))) by_name[FoldName(record.table)] = &record;
  }
  packed.Add(by_name.size());
  for (const auto& [name, record] : by_name) packed.Add(*record);
  std::map<std::uint64_t, const Hold*> by_id;
  for (const Hold& hold : state.holds) by_id[hold.id] = &hold;
  packed.Add(by_id.size());
  for (const auto& [id, hold] : by_id) packed.Add(*hold);
  return packed.Token();
}

absl::Status Expected::Check(const Act& act, const MirrorState& state) const {
  return token.empty() || token == StateToken(act, state) ? absl::OkStatus() : StaleToken();
}

absl::Status StaleToken() {
  absl::Status stale = absl::FailedPreconditionError(
      "the state has changed since the dry run, or the token is of another call. Nothing was done. Repeat "
      "the dry run");
  stale.SetPayload(kStaleTokenPayload, absl::Cord("stale"));
  return stale;
}

bool IsStaleToken(const absl::Status& status) { return status.GetPayload(kStaleTokenPayload).has_value(); }

}  // namespace mirror
