#include "server/hub/plan/turns.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

constexpr std::size_t kMarkDigits = 16;

std::size_t Count(const std::vector<Turn>& turns, Turn::Kind kind) {
  return static_cast<std::size_t>(
      std::count_if(turns.begin(), turns.end(), [&](const Turn& turn) { return turn.kind == kind; }));
}

/// Returns whether the record's value would be delivered to the row.
bool Differs(const GoldenRecord& record, const MemberRow& row, const std::string& attribute) {
  const auto given = record.values.find(attribute);
  const auto said = row.says.find(attribute);
  if (given == record.values.end() || said == row.says.end()) return false;
  return said->second.value != given->second.value &&
         !(said->second.word == given->second.value && said->second.ms);
}

bool IsPast(const HubRules& rules, std::int64_t now_ms, const Turn& turn) {
  return turn.kind != Turn::Kind::kUndone && now_ms - turn.ms >= rules.freeze_window_ms;
}

}  // namespace

std::string MarkOf(const GoldenRecord& record, const std::string& attribute, const Literal& value) {
  // Includes the record's random id, so that equal values of two records have different marks.
  return HexDigest(absl::StrCat(record.id, "\n", attribute, "\n", ValueJson(value))).substr(0, kMarkDigits);
}

std::vector<Turn>& TurnBook::Recent(const std::string& attribute) {
  std::vector<Turn>& turns = record_.turns[attribute];
  std::erase_if(turns, [&](const Turn& turn) { return IsPast(rules_, now_ms_, turn); });
  return turns;
}

void ForgetTurns(const HubRules& rules, std::int64_t now_ms, GoldenRecord* record) {
  for (auto& [attribute, turns] : record->turns) {
    const auto given = record->values.find(attribute);
    const std::int64_t version = given == record->values.end() ? -1 : given->second.ms;
    std::erase_if(turns, [&](const Turn& turn) {
      return IsPast(rules, now_ms, turn) || (turn.kind == Turn::Kind::kUndone && turn.ms != version);
    });
  }
  std::erase_if(record->turns, [](const auto& of_attribute) { return of_attribute.second.empty(); });
}

void TurnBook::NoteReplaced(const std::string& attribute, const Literal& value) {
  std::vector<Turn>& turns = Recent(attribute);
  const std::string mark = MarkOf(record_, attribute, value);
  const auto known = std::find_if(turns.begin(), turns.end(), [&](const Turn& turn) {
    return turn.kind == Turn::Kind::kReplaced && turn.mark == mark;
  });
  if (known != turns.end()) turns.erase(known);
  if (Count(turns, Turn::Kind::kReplaced) >= kTurnsMax) {
    turns.erase(std::find_if(turns.begin(), turns.end(),
                             [](const Turn& turn) { return turn.kind == Turn::Kind::kReplaced; }));
  }
  turns.push_back({now_ms_, Turn::Kind::kReplaced, mark});
}

bool TurnBook::NoteSaid(const std::string& attribute, const Literal& value) {
  std::vector<Turn>& turns = Recent(attribute);
  const std::string mark = MarkOf(record_, attribute, value);
  const bool came_back =
      std::any_of(turns.begin(), turns.end(), [&](const Turn& turn) { return turn.mark == mark; });
  turns.push_back({now_ms_, came_back ? Turn::Kind::kBack : Turn::Kind::kSaid, mark});
  const std::size_t back = Count(turns, Turn::Kind::kBack);
  const bool fights = back >= rules_.freeze_after || back + Count(turns, Turn::Kind::kSaid) >= kTurnsMax;
  return fights && record_.frozen.insert(attribute).second;
}

std::vector<FrozenAttribute> FreezeUndone(Component* component) {
  std::vector<FrozenAttribute> frozen;
  for (const auto& [ref, row] : component->rows) {
    GoldenRecord& record = component->records.at(row.golden_id);
    for (const std::string& attribute : row.work.undone) {
      if (component->entity->attributes.count(attribute) == 0 || !Differs(record, row, attribute)) continue;
      const std::int64_t version = record.values.at(attribute).ms;
      std::vector<Turn>& turns = record.turns[attribute];
      std::erase_if(turns,
                    [&](const Turn& turn) { return turn.kind == Turn::Kind::kUndone && turn.ms != version; });
      // While other attributes are delivered, a database may change a frozen one again and again.
      if (Count(turns, Turn::Kind::kUndone) < kUndoneMax) {
        turns.push_back({version, Turn::Kind::kUndone, ""});
      }
      if (Count(turns, Turn::Kind::kUndone) < kUndoneMax || !record.frozen.insert(attribute).second) continue;
      frozen.push_back({record.id, attribute, ref.data_source});
    }
  }
  return frozen;
}

}  // namespace mirror
