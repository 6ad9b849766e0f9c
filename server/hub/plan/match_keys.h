#ifndef MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_
#define MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_

#include <functional>
#include <string>

#include "server/hub/plan/component.h"
#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Decides which rows are one record. Gives each row its record, creates and merges records, and notes for
/// each record which data sources had it and which of its rows are doomed.
///   - A row leaves a record only because of its own news.
///   - A new row joins its origin's record, else the oldest one with a common key, else it begins a record.
///   - In a member's first reading, the row first tries the oldest record whose rows were all deleted.
///   - Records with a common key merge into the oldest, unless one system has rows of both.
void MatchPlan(Component* component);

/// Returns the value of an attribute; null: there is none.
using ValueOfAttribute = std::function<const Literal*(const std::string& attribute)>;

/// Returns one key for each rule all of whose attributes have a value.
HubKeys KeysOf(const HubEntity& entity, const ValueOfAttribute& value_of);
HubKeys KeysOf(const HubEntity& entity, const MemberRow& row);
HubKeys KeysOf(const HubEntity& entity, const GoldenRecord& record);

KeyHashes HashesOf(const HubKeys& keys);
/// Returns whether the two sets share a key.
bool Meet(const KeyHashes& a, const KeyHashes& b);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_
