#ifndef MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_
#define MIRROR_SERVER_HUB_PLAN_MATCH_KEYS_H_

#include <functional>
#include <map>
#include <string>

#include "server/hub/plan/hub_values.h"

namespace mirror {

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
