#include "client/source/postgres/logged_rows.h"

#include <algorithm>
#include <utility>

namespace mirror {
namespace {

using pgoutput::Field;
using pgoutput::Tuple;

/// Returns the key of a tuple; unchanged values that the log left out are taken from `old`.
std::optional<StagedKey> KeyOf(const StreamedTable& table, const Tuple& tuple, const Tuple* old) {
  std::vector<std::string> texts;
  for (const std::size_t at : table.key) {
    const Field* field = &tuple[at];
    if (field->kind == Field::Kind::kUnchanged && old != nullptr) field = &(*old)[at];
    if (field->kind != Field::Kind::kText) return std::nullopt;
    texts.emplace_back(field->text);
  }
  return PackStagedKey(texts);
}

/// Sets the values by column number. Values that the log left out stay missing, except those of the key.
void TakeValues(const StreamedTable& table, const Tuple& tuple, const Tuple* old, LoggedChange* change) {
  for (std::size_t at = 0; at < tuple.size(); ++at) {
    const Field* field = &tuple[at];
    if (field->kind == Field::Kind::kUnchanged) {
      const bool in_key = std::find(table.key.begin(), table.key.end(), at) != table.key.end();
      if (!in_key || old == nullptr) {
        change->whole = false;
        continue;
      }
      field = &(*old)[at];
    }
    StagedValue& value = change->values.emplace_back();
    value.column = table.columns[at].number;
    if (field->kind == Field::Kind::kText) value.text.emplace(field->text);
  }
  std::sort(change->values.begin(), change->values.end(),
            [](const StagedValue& a, const StagedValue& b) { return a.column < b.column; });
}

bool HasAll(const StreamedTable& table, const Tuple& tuple) { return tuple.size() == table.columns.size(); }

}  // namespace

bool StreamedTable::Fits(const pgoutput::Relation& relation) const {
  if (relation.identity != 'd' || relation.columns.size() != columns.size()) return false;
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const pgoutput::RelationColumn& logged = relation.columns[at];
    const Column& column = columns[at];
    const bool in_key = std::find(key.begin(), key.end(), at) != key.end();
    if (logged.name != column.name || logged.type != column.type || logged.modifier != column.modifier ||
        logged.is_key != in_key) {
      return false;
    }
  }
  return true;
}

std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Insert& insert) {
  if (!HasAll(table, insert.row)) return std::nullopt;
  std::optional<StagedKey> key = KeyOf(table, insert.row, nullptr);
  if (!key) return std::nullopt;
  LoggedChange change;
  change.kind = LoggedChange::Kind::kInsert;
  change.key = *std::move(key);
  TakeValues(table, insert.row, nullptr, &change);
  return change;
}

std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Update& update) {
  const Tuple* const old = update.old ? &*update.old : nullptr;
  if (!HasAll(table, update.row) || (old != nullptr && !HasAll(table, *old))) return std::nullopt;
  std::optional<StagedKey> key = KeyOf(table, update.row, old);
  std::optional<StagedKey> old_key = old != nullptr ? KeyOf(table, *old, nullptr) : key;
  if (!key || !old_key) return std::nullopt;
  LoggedChange change;
  change.kind = LoggedChange::Kind::kUpdate;
  change.key = *std::move(key);
  change.old_key = *std::move(old_key);
  TakeValues(table, update.row, old, &change);
  return change;
}

std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Delete& deleted) {
  if (!HasAll(table, deleted.old)) return std::nullopt;
  std::optional<StagedKey> key = KeyOf(table, deleted.old, nullptr);
  if (!key) return std::nullopt;
  LoggedChange change;
  change.kind = LoggedChange::Kind::kDelete;
  change.old_key = *std::move(key);
  return change;
}

}  // namespace mirror
