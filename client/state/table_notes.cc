#include "client/state/table_notes.h"

#include <algorithm>
#include <set>

#include "base/enum_words.h"

namespace mirror {
namespace {

const EnumWords<TakenOver>& TakenOverWords() {
  static const EnumWords<TakenOver> kWords = {{"keeps", TakenOver::kKeeps}, {"yes", TakenOver::kYes}};
  return kWords;
}

}  // namespace

std::string ToString(TakenOver taken_over) { return WordOf(TakenOverWords(), taken_over); }
std::optional<TakenOver> ParseTakenOver(std::string_view word) { return ValueOf(TakenOverWords(), word); }

std::vector<std::string> TableNotes::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, note] : notes_) names.push_back(name);
  return names;
}

const TableNote* TableNotes::Find(const std::string& table) const {
  const auto found = notes_.find(table);
  return found == notes_.end() ? nullptr : &found->second;
}

TableNote* TableNotes::Known(const std::string& table) {
  const auto found = notes_.find(table);
  return found == notes_.end() ? nullptr : &found->second;
}

std::map<std::string, std::string> TableNotes::Records() const {
  std::map<std::string, std::string> records;
  for (const auto& [name, note] : notes_) {
    if (!note.record.empty()) records[name] = note.record;
  }
  return records;
}

void TableNotes::SetRecord(const std::string& table, const std::string& record) {
  notes_[table].record = record;
}

bool TableNotes::IsSuspect(const std::string& table) const {
  const TableNote* const note = Find(table);
  return note != nullptr && note->suspect;
}

void TableNotes::SetSuspect(const std::string& table, bool suspect) {
  if (TableNote* const note = Known(table)) note->suspect = suspect;
}

std::vector<std::string> TableNotes::Suspects() const {
  std::vector<std::string> names;
  for (const auto& [name, note] : notes_) {
    if (note.suspect) names.push_back(name);
  }
  return names;
}

bool TableNotes::ShallCount(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const {
  const TableNote* const note = Find(table);
  if (note == nullptr) return true;
  const std::int64_t since = now_ms - note->counted_ms;
  // A clock that was set back does not keep it from its turn.
  return since < 0 || since >= interval_ms;
}

void TableNotes::SetCounted(const std::string& table, std::int64_t now_ms) {
  if (TableNote* const note = Known(table)) note->counted_ms = now_ms;
}

bool TableNotes::ShallLookAtKey(const std::string& table, std::int64_t now_ms,
                                std::int64_t interval_ms) const {
  const TableNote* const note = Find(table);
  if (note == nullptr || note->key_refused_ms == 0) return false;
  const std::int64_t since = now_ms - note->key_refused_ms;
  return since < 0 || since >= interval_ms;
}

void TableNotes::SetKeyRefused(const std::string& table, std::optional<std::int64_t> now_ms) {
  if (now_ms) {
    std::int64_t& since_ms = notes_[table].key_refused_ms;
    if (since_ms == 0) since_ms = std::max<std::int64_t>(1, *now_ms);
  } else if (TableNote* const note = Known(table)) {
    note->key_refused_ms = 0;
  }
}

const Confirmed* TableNotes::FindConfirmed(const std::string& table) const {
  const TableNote* const note = Find(table);
  return note == nullptr || !note->confirmed ? nullptr : &*note->confirmed;
}

void TableNotes::SetConfirmed(const std::string& table, const Position& position, const Form& form) {
  if (TableNote* const note = Known(table)) note->confirmed = Confirmed{position, form};
}

TakenOver TableNotes::IsTakenOver(const std::string& table) const {
  const TableNote* const note = Find(table);
  return note == nullptr ? TakenOver::kNo : note->taken_over;
}

void TableNotes::SetTakenOver(const std::string& table, TakenOver taken_over) {
  if (taken_over != TakenOver::kNo) {
    notes_[table].taken_over = taken_over;
  } else if (TableNote* const note = Known(table)) {
    note->taken_over = taken_over;
  }
}

void TableNotes::Retain(const std::vector<std::string>& names) {
  const std::set<std::string> kept(names.begin(), names.end());
  std::erase_if(notes_, [&kept](const auto& note) { return kept.count(note.first) == 0; });
}

}  // namespace mirror
