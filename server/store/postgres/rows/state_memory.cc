#include "server/store/postgres/rows/state_memory.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Returns whether each batch needs the kind. Other kinds are for calls that examine a whole mirror, and are
/// read together.
bool IsOfBatch(StateKind kind) {
  return kind == StateKind::kShadow || kind == StateKind::kLoss || kind == StateKind::kJournal;
}

}  // namespace

StateMemory::StateMemory(postgres::Connection& connection, const PostgresOwnTables& names, OwnWrites& writes)
    : connection_(connection), names_(names), writes_(writes) {
  writes_.Tell(this);
}

absl::Status StateMemory::Load(StateKind kind) {
  const bool one = has_read_most_ || IsOfBatch(kind) || kind == StateKind::kNonce;
  const std::string sql = one ? absl::StrCat("SELECT ", static_cast<int>(kind), "::smallint, s.* FROM (",
                                             StateOfKindSql(names_, kind), ") AS s")
                              : absl::StrCat("SELECT kind, table_key, number, payload FROM ", names_.state,
                                             " WHERE kind NOT IN (", static_cast<int>(StateKind::kNonce),
                                             ", ", static_cast<int>(StateKind::kJournal), ")");
  ASSIGN_OR_RETURN(const auto rows,
                   writes_.SendAndQuery(connection_, sql, {}, "reading the mirror's own tables"));
  if (one) {
    known_[kind].clear();
  } else {
    has_read_most_ = true;
    for (int other = 1; other <= kStateKindMax; ++other) {
      // The state of the journal is not only in these rows, see StateOfKindSql().
      if (StateKind(other) != StateKind::kJournal) known_[StateKind(other)].clear();
    }
    known_.erase(StateKind::kNonce);
  }
  for (int row = 0; row < rows.rows(); ++row) {
    std::optional<std::string>& payload =
        known_[static_cast<StateKind>(rows.Int(row, 0))][{rows.Text(row, 1), rows.Int(row, 2)}];
    if (!rows.IsNull(row, 3)) payload = rows.Text(row, 3);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StateRow>> StateMemory::Read(StateKind kind,
                                                        const std::optional<std::string>& table_key) {
  if (!known_.contains(kind)) RETURN_IF_ERROR(Load(kind));
  const Rows& rows = known_[kind];
  std::vector<StateRow> found;
  auto row = table_key ? rows.lower_bound({*table_key, INT64_MIN}) : rows.begin();
  for (; row != rows.end() && (!table_key || row->first.first == *table_key); ++row) {
    found.push_back({row->first.first, row->first.second, row->second});
  }
  return found;
}

void StateMemory::Know(StateKind kind, const std::vector<StateRow>& rows) {
  Rows& known = known_[kind];
  known.clear();
  for (const StateRow& row : rows) known[{row.table_key, row.number}] = row.payload;
}

void StateMemory::Put(StateKind kind, const StateRow& row) {
  put_[kind].insert(row.table_key);
  const auto known = known_.find(kind);
  if (known != known_.end()) known->second[{row.table_key, row.number}] = row.payload;
}

std::set<std::string> StateMemory::KeysPut(StateKind kind) const {
  const auto put = put_.find(kind);
  return put == put_.end() ? std::set<std::string>() : put->second;
}

void StateMemory::Remove(StateKind kind, const std::optional<std::string>& table_key) {
  const auto known = known_.find(kind);
  if (known == known_.end()) return;
  std::erase_if(known->second, [&](const auto& row) { return !table_key || row.first.first == *table_key; });
}

}  // namespace mirror
