#include "tools/mirrorctl/admin/nearest_names.h"

#include <algorithm>

#include "base/folded_name.h"
#include "base/printable.h"
#include "base/text/nearest_word.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

bool IsThere(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& one) { return FoldName(one) == FoldName(name); });
}

std::string Sentence(const std::string& given, const std::vector<std::string>& names) {
  const std::string words = DidYouMean(given, names);
  return words.empty() ? words : Printable(words.substr(1));
}

}  // namespace

std::string NearestNames(AdminClient& admin, const std::string& context_id,
                         const std::vector<std::string>& tables) {
  std::vector<std::string> names;
  const auto tenants = admin.Tenants();
  if (!tenants.ok()) return "";
  for (const v1::Tenant& tenant : tenants->tenants()) names.push_back(tenant.context_id());
  if (!IsThere(names, context_id)) return Sentence(context_id, names);
  const auto there = tables.empty() ? absl::StatusOr<v1::ListTablesResponse>() : admin.Tables(context_id);
  if (!there.ok()) return "";
  names.clear();
  for (const v1::TableInfo& table : there->tables()) names.push_back(table.table());
  const auto missing = std::find_if(tables.begin(), tables.end(),
                                    [&](const std::string& table) { return !IsThere(names, table); });
  return missing == tables.end() ? "" : Sentence(*missing, names);
}

}  // namespace mirror
