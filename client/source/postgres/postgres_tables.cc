#include "client/source/postgres/postgres_tables.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace mirror {
namespace {

/// Returns the place of the sent column with this number.
std::optional<std::size_t> PlaceOf(const PostgresTable& table, std::int64_t number) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].number == number) return i;
  }
  return std::nullopt;
}

/// Whether PostgreSQL computes a column of the key: such a key cannot be sent.
bool HasGeneratedKey(const PostgresTable& table) {
  return std::any_of(table.key.begin(), table.key.end(),
                     [&table](std::int64_t number) { return !PlaceOf(table, number); });
}

}  // namespace

MarkedColumn<std::int64_t, std::uint32_t> PostgresTableKind::Mark(const PostgresColumn& column) {
  return {column.number, column.type, column.type_name};
}

Column PostgresTableKind::WireOf(const PostgresColumn& column, const Place& place, bool wide) {
  Column wire = WireColumn(column, place.any_bytes);
  if (wide) WidenPostgresColumn(&wire);
  return wire;
}

std::vector<std::uint32_t> PostgresTableKind::KeyOf(const PostgresTable& table) {
  std::vector<std::uint32_t> key;
  if (HasGeneratedKey(table)) return key;
  for (const std::int64_t number : table.key)
    key.push_back(static_cast<std::uint32_t>(*PlaceOf(table, number)));
  return key;
}

std::uint64_t PostgresTableKind::IdentityOf(const PostgresTable& table, Record* record) {
  std::set<std::uint32_t> leaves;
  for (const PostgresLeaf& leaf : table.leaves) leaves.insert(leaf.oid);
  record->TakeLeaves(std::move(leaves));
  return record->gone == 0 ? table.oid : ShortDigest(absl::StrCat(table.oid), record->gone);
}

std::string PostgresTableKind::ProblemOf(const PostgresTable& table, const Place& place,
                                         const std::string& problem) {
  return problem.empty() ? WhyUnreadable(table, place.role) : problem;
}

std::vector<std::string> PostgresTableKind::NotesOf(const PostgresTable& table) {
  std::vector<std::string> notes;
  if (HasGeneratedKey(table)) {
    notes.emplace_back("a column of its primary key is computed, so that it is mirrored without a key");
  } else if (table.key_waits) {
    notes.emplace_back(
        "its primary key is deferrable, so its changes cannot be read from the log: they are found by "
        "comparing");
  }
  if (table.has_children)
    notes.emplace_back(
        "other tables inherit from it; their rows are mirrored in those tables, not in this one");
  if (table.unlogged)
    notes.emplace_back("it is unlogged: a crash of the server empties it, and then its mirror");
  return notes;
}

}  // namespace mirror
