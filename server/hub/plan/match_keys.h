#ifndef MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_
#define MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_

#include <functional>
#include <map>
#include <string>

#include "server/hub/plan/component.h"
#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Which rows are one: gives each row its record, founds and merges records, and says of each which data
/// sources had it and which of its rows are doomed.
///   - A row leaves a record by its own news alone.
///   - A new row joins its origin's record, else the oldest that it shares a key with, else it founds one.
///   - Of a member's first reading, it joins before that the oldest record of rows that all went.
///   - Records that share a key merge into the oldest, but not where a system has rows of both.
void MatchPlan(Component* component);

/// The value of an attribute; null: there is none.
using ValueOfAttribute = std::function<const Literal*(const std::string& attribute)>;

/// One key for each rule all of whose attributes have a value.
HubKeys KeysOf(const HubEntity& entity, const ValueOfAttribute& value_of);
HubKeys KeysOf(const HubEntity& entity, const MemberRow& row);
HubKeys KeysOf(const HubEntity& entity, const GoldenRecord& record);

KeyHashes HashesOf(const HubKeys& keys);
/// Whether they share one.
bool Meet(const KeyHashes& a, const KeyHashes& b);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_
