#include "tools/mirror_harness/attack/attack.h"

#include <utility>

namespace mirror::harness {

std::string NameOf(absl::StatusCode code) { return absl::StatusCodeToString(code); }

Outcome OutcomeOf(const absl::Status& status) {
  return {{NameOf(status.code())}, std::string(status.message()), ""};
}

void AddOutcome(const Outcome& more, Outcome* all) {
  all->got.insert(more.got.begin(), more.got.end());
  all->words = more.words;
  if (all->fault.empty()) all->fault = more.fault;
}

std::vector<Attack> Together(std::initializer_list<std::vector<Attack> (*)()> parts) {
  std::vector<Attack> all;
  for (const auto part : parts) {
    for (Attack& attack : part()) all.push_back(std::move(attack));
  }
  return all;
}

Theme HttpAttacks() {
  return {"http", Together({HttpFramingAttacks, HttpEndlessAttacks, HttpContentAttacks, HttpCrowdAttacks})};
}

std::vector<Theme> AllAttacks() {
  return {TokenAttacks(),      NameAttacks(),  BatchAttacks(),    OrderAttacks(),   BombAttacks(),
          ConnectionAttacks(), FloodAttacks(), StrangerAttacks(), MetricsAttacks(), HttpAttacks()};
}

}  // namespace mirror::harness
