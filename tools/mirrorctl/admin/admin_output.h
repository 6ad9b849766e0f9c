#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "base/text/text_table.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/message_json.h"

namespace mirror {

/// A table whose first column is the server, where several were asked.
class ServerTable {
 public:
  /// `servers` outlives this; null: one was asked.
  ServerTable(std::vector<TextTable::Column> columns, const LineServers* servers, std::size_t width);

  /// The next line, without its server.
  void Add(std::vector<TextTable::Cell> cells);
  void Print(std::ostream& out) { table_.Print(out); }
  bool any() const { return table_.any(); }

 private:
  const LineServers* const servers_;
  TextTable table_;
  std::size_t lines_ = 0;
};

/// For people; scripts take JSON. `width`: characters of a line, see TextTable. Ages are as of
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

/// "db2 at 10.0.0.2:7443": those that run and are configured otherwise than the one that answers.
std::vector<std::string> ServersWithOtherRules(const v1::ListServersResponse& answer);
/// The servers that have the same mirrors.
void PrintServers(std::ostream& out, const v1::ListServersResponse& answer, std::size_t width,
                  std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_OUTPUT_H_
