#include "server/hub/plan/golden_plan.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proto/wire/exchange/match_key.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

struct Saying {
  const RowRef* ref;
  const Said* said;
};
using Sayings = std::vector<Saying>;  // In the order of members.

// The first of the greatest.
template <typename Measure>
const Saying* FirstOfMost(const Sayings& sayings, const Measure& measure) {
  const Saying* best = nullptr;
  for (const Saying& saying : sayings) {
    if (best == nullptr || measure(*best) < measure(saying)) best = &saying;
  }
  return best;
}

std::size_t CharactersOf(const Literal& value) {
  const std::string text = NormaliseValue(Normalise::kNone, value);
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

const Saying* PickOwn(const AttributeRule& rule, const Sayings& own) {
  switch (rule.kind) {
    case AttributeRule::Kind::kOrder:
      return FirstOfMost(own, [&](const Saying& saying) {
        return rule.order.begin() - std::find(rule.order.begin(), rule.order.end(), saying.ref->data_source);
      });
    case AttributeRule::Kind::kLongest:
      return FirstOfMost(own, [](const Saying& saying) { return CharactersOf(saying.said->word); });
    case AttributeRule::Kind::kMost: {
      std::map<std::string, int> times;
      for (const Saying& saying : own) ++times[ValueJson(saying.said->word)];
      return FirstOfMost(own, [&](const Saying& saying) { return times[ValueJson(saying.said->word)]; });
    }
    default:
      return nullptr;
  }
}

// Null: nobody says anything.
const Saying* Pick(const AttributeRule& rule, const Sayings& sayings) {
  if (sayings.empty()) return nullptr;
  Sayings own;
  for (const Saying& saying : sayings) {
    if (saying.said->own && !std::holds_alternative<Null>(saying.said->word)) own.push_back(saying);
  }
  if (const Saying* const picked = PickOwn(rule, own)) {
    return &*std::find_if(sayings.begin(), sayings.end(),
                          [&](const Saying& saying) { return saying.ref == picked->ref; });
  }
  if (rule.kind == AttributeRule::Kind::kFirst) {
    const auto first = std::find_if(sayings.begin(), sayings.end(), [](const Saying& saying) {
      return !std::holds_alternative<Null>(saying.said->word);
    });
    return first == sayings.end() ? &sayings.front() : &*first;
  }
  return FirstOfMost(sayings,
                     [](const Saying& saying) { return std::pair(*saying.said->ms, saying.said->own); });
}

}  // namespace

void GoldenPlan(Component* component) {
  const AttributeRule matched_only;
  std::map<std::string, std::map<std::string, Sayings>> said;  // By record, by attribute.
  for (const auto& [ref, row] : component->rows) {
    for (const auto& [attribute, saying] : row.says) {
      if (saying.ms) said[row.golden_id][attribute].push_back({&ref, &saying});
    }
  }
  for (auto& [id, record] : component->records) {
    record.values.clear();
    for (const auto& [attribute, sayings] : said[id]) {
      const auto rule = component->entity->attributes.find(attribute);
      const Saying* const picked =
          Pick(rule == component->entity->attributes.end() ? matched_only : rule->second, sayings);
      if (picked != nullptr) record.values[attribute] = {picked->said->word, *picked->said->ms, *picked->ref};
    }
  }
}

}  // namespace mirror
