#include "tools/mirrorctl/admin/name_completion.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/text/find_config.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/control_config.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kCompletionPatience(1'000);

/// Returns a client for the line's configuration. Null: it cannot be used.
std::unique_ptr<AdminClient> ClientOf(const cli::TypedLine& line, ControlUse use = ControlUse::kAlone) {
  const absl::StatusOr<ControlConfig> config = LoadControlConfig(ConfigOfLine(line, kControlConfig), use);
  if (!config.ok()) return nullptr;
  absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(*config);
  if (!client.ok()) return nullptr;
  (*client)->EndWithin(kCompletionPatience);
  return *std::move(client);
}

/// Returns a client for each --config, if there are several.
std::vector<std::unique_ptr<AdminClient>> ClientsOf(const cli::TypedLine& line) {
  std::vector<cli::TypedLine> lines = {line};
  const auto configs = line.values.find("--config");
  if (configs != line.values.end() && configs->second.size() > 1) {
    lines.assign(configs->second.size(), line);
    for (std::size_t i = 0; i < lines.size(); ++i) lines[i].values["--config"] = {configs->second[i]};
  }
  std::vector<std::unique_ptr<AdminClient>> clients;
  for (const cli::TypedLine& one : lines) {
    const ControlUse use = lines.size() > 1 ? ControlUse::kOneOfSeveral : ControlUse::kAlone;
    if (std::unique_ptr<AdminClient> client = ClientOf(one, use)) clients.push_back(std::move(client));
  }
  return clients;
}

}  // namespace

std::vector<std::string> TenantNames(const cli::TypedLine& line) {
  std::set<std::string> names;
  for (const std::unique_ptr<AdminClient>& client : ClientsOf(line)) {
    const auto answer = client->Tenants();
    if (!answer.ok()) continue;
    for (const v1::Tenant& tenant : answer->tenants()) names.insert(tenant.context_id());
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> StorageNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const std::unique_ptr<AdminClient> client = ClientOf(line);
  if (client == nullptr) return names;
  // Only one page is read: more names would not help the user, and the server needs time for each page.
  const auto answer = LookClient(*client).Storages({});
  if (!answer.ok()) return names;
  for (const v1::StorageInfo& storage : answer->storages()) names.push_back(storage.id());
  return names;
}

std::vector<std::string> TableNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const std::string tenant = line.Value("context_id");
  const std::unique_ptr<AdminClient> client = tenant.empty() ? nullptr : ClientOf(line);
  if (client == nullptr) return names;
  const auto answer = client->Tables(tenant);
  if (!answer.ok()) return names;
  for (const v1::TableInfo& table : answer->tables()) {
    // Tables that were never announced are skipped, because the mirror does not have them.
    if (table.unsent().empty() || table.columns() > 0) names.push_back(table.table());
  }
  return names;
}

std::vector<std::string> HoldNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const std::unique_ptr<AdminClient> client = ClientOf(line);
  if (client == nullptr) return names;
  const auto answer = client->ListHolds("");
  if (!answer.ok()) return names;
  for (const v1::Hold& hold : answer->holds()) {
    names.push_back(absl::StrCat(hold.context_id(), ":", hold.hold_id()));
  }
  return names;
}

std::vector<std::string> HubNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const std::unique_ptr<AdminClient> client = ClientOf(line);
  if (client == nullptr) return names;
  const auto answer = HubClient(*client).Hubs();
  if (!answer.ok()) return names;
  for (const v1::HubState& hub : answer->hubs()) names.push_back(hub.storage());
  return names;
}

std::vector<std::string> HubMemberNames(const cli::TypedLine& line) {
  std::vector<std::string> names;
  const std::string storage = line.Value("storage");
  const std::unique_ptr<AdminClient> client = storage.empty() ? nullptr : ClientOf(line);
  if (client == nullptr) return names;
  const auto answer = HubClient(*client).Hubs(storage);
  if (!answer.ok()) return names;
  for (const v1::HubState& hub : answer->hubs()) {
    for (const v1::HubMemberState& member : hub.members()) names.push_back(member.data_source());
  }
  return names;
}

}  // namespace mirror
