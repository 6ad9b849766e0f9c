#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/text/text_table.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/server_table.h"

namespace mirror {

/// An answer's message with the names of its fields, in their order. Numbers are numbers, bytes are
/// hexadecimal, a message that is absent is null, a severity is a word. Times end in _ms: unix milliseconds;
/// what a key does not have is null.
using Json = nlohmann::ordered_json;
Json ToJson(const v1::Tenant& tenant);
Json ToJson(const v1::TableInfo& table);
Json ToJson(const v1::ListIndexesResponse& answer);
Json ToJson(const v1::Hold& hold);
Json ToJson(const v1::Event& event);
Json ToJson(const v1::KeyInfo& key);
Json ToJson(const v1::DiagnoseResponse& diagnosis);
Json ToJson(const v1::ServerInfo& server);
// Those of records: see records_output.h.
Json ToJson(const v1::StorageInfo& storage);
Json ToJson(const v1::ImportJobInfo& job);
Json ToJson(const v1::ApiKeyInfo& key);
// Those of hubs: see hub_output.h.
Json ToJson(const v1::HubState& hub);
Json ToJson(const v1::ResumeHubResponse& answer);
Json ToJson(const v1::HeldDelivery& held);
Json ToJson(const v1::ListHeldResponse& answer);
Json ToJson(const v1::GoldenPreview& preview);
Json ToJson(const v1::HubLoss& loss);
Json ToJson(const v1::RefusedDelivery& refused);
Json ToJson(const v1::ExplainGoldenResponse& record);
Json ToJson(const v1::Duplicate& duplicate);

/// What the server sent as JSON; as a text where it is none.
Json ParsedJson(const std::string& text);

/// Each message of a repeated field. `servers`: see ServerTable.
template <typename Messages>
Json ToJsonArray(const Messages& messages, const LineServers* servers = nullptr) {
  Json list = Json::array();
  for (const auto& message : messages) {
    Json object = ToJson(message);
    if (servers != nullptr) object["server"] = servers->at(list.size());
    list.push_back(std::move(object));
  }
  return list;
}

/// Everything but ASCII is written as \u...: a terminal that shows it acts on nothing.
void PrintJson(std::ostream& out, const Json& json);
/// The same on one line.
void PrintJsonLine(std::ostream& out, const Json& json);

/// The same for people; scripts take JSON. `width`: characters of a line, see TextTable. Ages are as of
/// `now_ms`. `servers`: see ServerTable; `where`: "at 2 of 3 servers" then.
void PrintTenants(std::ostream& out, const v1::ListTenantsResponse& answer, std::size_t width,
                  std::int64_t now_ms, const LineServers* servers = nullptr, const std::string& where = "");
/// Statements and comments, to be given to SQLite as they are.
void PrintIndexes(std::ostream& out, const v1::ListIndexesResponse& answer);
void PrintTables(std::ostream& out, const v1::ListTablesResponse& answer, std::size_t width,
                 std::int64_t now_ms);
/// How a hold is named on the command line: TENANT:NUMBER.
std::string HoldName(const v1::Hold& hold);
void PrintHolds(std::ostream& out, const v1::ListHoldsResponse& answer, std::size_t width,
                std::int64_t now_ms, const LineServers* servers = nullptr);
/// All of one, with the reason and the commands that decide it.
void PrintHold(std::ostream& out, const v1::Hold& hold);
Json ToJson(const v1::BackupResponse& backup);
/// `path`: where the copy is, on the server's machine; empty: none was kept.
void PrintBackup(std::ostream& out, const v1::BackupResponse& backup, const std::string& path);
void PrintKeys(std::ostream& out, const v1::ListKeysResponse& answer, std::size_t width);
void PrintDiagnosis(std::ostream& out, const v1::DiagnoseResponse& diagnosis, std::size_t width);

/// Events come one by one: AddEvent(), then Print().
ServerTable EventTable(std::size_t width, const LineServers* servers = nullptr);
void AddEvent(ServerTable& table, const v1::Event& event);

/// All that Tenant.state may be, the worst first.
const std::vector<std::string>& TenantStates();

/// "2024-05-01T12:00:00Z" for unix milliseconds.
std::string TimeText(std::int64_t milliseconds);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_OUTPUT_H_
