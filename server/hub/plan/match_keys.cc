#include "server/hub/plan/match_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "proto/wire/exchange/match_key.h"

namespace mirror {
namespace {

// Parts of any bytes: their lengths tell where each ends. The rule's attributes, not its place, so that
// another order of rules means the same.
std::string HashOf(const std::vector<std::string>& rule, const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& attribute : rule) absl::StrAppend(&text, attribute.size(), ":", attribute);
  for (const std::string& part : parts) absl::StrAppend(&text, part.size(), ":", part);
  return HexDigest(text);
}

}  // namespace

HubKeys KeysOf(const HubEntity& entity, const ValueOfAttribute& value_of) {
  HubKeys keys;
  for (std::size_t i = 0; i < entity.match.size(); ++i) {
    HubKey key;
    key.rule = i;
    for (const std::string& attribute : entity.match[i]) {
      const Literal* const value = value_of(attribute);
      if (value == nullptr) break;
      const auto how = entity.normalise.find(attribute);
      std::string part =
          NormaliseValue(how == entity.normalise.end() ? Normalise::kNone : how->second, *value);
      if (part.empty()) break;
      key.parts.push_back(std::move(part));
    }
    if (key.parts.size() < entity.match[i].size()) continue;
    key.hash = HashOf(entity.match[i], key.parts);
    keys.insert(std::move(key));
  }
  return keys;
}

HubKeys KeysOf(const HubEntity& entity, const MemberRow& row) {
  return KeysOf(entity, [&](const std::string& attribute) {
    const auto found = row.says.find(attribute);
    return found == row.says.end() ? nullptr : &found->second.value;
  });
}

HubKeys KeysOf(const HubEntity& entity, const GoldenRecord& record) {
  return KeysOf(entity, [&](const std::string& attribute) {
    const auto found = record.values.find(attribute);
    return found == record.values.end() ? nullptr : &found->second.value;
  });
}

KeyHashes HashesOf(const HubKeys& keys) {
  KeyHashes hashes;
  for (const HubKey& key : keys) hashes.insert(key.hash);
  return hashes;
}

bool Meet(const KeyHashes& a, const KeyHashes& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& hash) { return b.count(hash) > 0; });
}

}  // namespace mirror
