#include "client/config/kind_keys.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/config/described_rows.h"

MIRROR_EMBEDDED(agent_keys);

namespace mirror {
namespace {

struct KindKey {
  std::string name;
  std::vector<SourceKind> kinds;  ///< That have it.
};

/// The keys of a table that only some kinds have.
std::vector<KindKey> DescribedKindKeys(std::string_view table) {
  std::vector<KindKey> keys;
  for (const ConfigNode& row : DescribedRows(mirror_embedded_agent_keys[0], table)) {
    const ConfigNode* const kinds = row.Find("kinds");
    if (kinds == nullptr) continue;
    KindKey& key = keys.emplace_back(KindKey{row.Find("name")->text, {}});
    for (const ConfigNode& kind : kinds->entries) key.kinds.push_back(ParseSourceKind(kind.text).value());
  }
  return keys;
}

bool Has(const KindKey& key, SourceKind kind) {
  return std::find(key.kinds.begin(), key.kinds.end(), kind) != key.kinds.end();
}

/// "csv", "odbc" or "xlsx", with their quotes.
std::string Names(const std::vector<SourceKind>& kinds) {
  std::string names;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const char* const before = i == 0 ? "" : i + 1 == kinds.size() ? " or " : ", ";
    absl::StrAppend(&names, before, "\"", ToString(kinds[i]), "\"");
  }
  return names;
}

absl::Status CheckKeys(const ConfigTable& block, SourceKind kind, const std::vector<KindKey>& keys) {
  for (const KindKey& key : keys) {
    if (Has(key, kind) || !block.Has(key.name)) continue;
    // A key of the kind that need not be named is one of most kinds.
    if (Has(key, SourceConfig().kind)) {
      return block.Wrong(key.name, absl::StrCat("is not for kind = \"", ToString(kind), "\""));
    }
    return block.Wrong(key.name, absl::StrCat("is for kind = ", Names(key.kinds), " only"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSourceKeys(const ConfigTable& block, SourceKind kind) {
  static const std::vector<KindKey> keys = DescribedKindKeys("[[source]]");
  return CheckKeys(block, kind, keys);
}

absl::Status CheckTableKeys(const ConfigTable& block, SourceKind kind) {
  static const std::vector<KindKey> keys = DescribedKindKeys("[[source.table]]");
  return CheckKeys(block, kind, keys);
}

}  // namespace mirror
