#include "client/dry_run.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/mirror_client.h"
#include "client/report.h"
#include "client/source/change_log.h"
#include "client/source_run.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// What the log says of a table; `waiting` is absent when there is no log at all.
std::string WordsOf(const std::string& table,
                    const std::optional<std::map<std::string, std::optional<std::int64_t>>>& waiting) {
  if (!waiting) return "sent whole, if its number of rows differs";
  const auto found = waiting->find(FoldName(table));
  if (found == waiting->end()) return "new: a log is made, and all rows are sent";
  if (!found->second) return "never sent: all rows are sent";
  if (*found->second == 0) return "nothing changed since it was sent last";
  return absl::StrCat(Grouped(static_cast<std::uint64_t>(*found->second)),
                      *found->second == 1 ? " change" : " changes", " logged since it was sent last");
}

absl::Status Show(const SourceConfig& source, std::ostream& out) {
  const auto reader = OpenReader(source, {});
  const absl::StatusOr<std::vector<std::string>> tables = reader->TableNames();
  if (!tables.ok()) return tables.status();
  std::optional<std::map<std::string, std::optional<std::int64_t>>> waiting;
  if (source.strategy == "cdc") {
    auto found = ChangeLog::Waiting(source.path);
    if (!found.ok()) return found.status();
    waiting = *std::move(found);
  }
  for (const std::string& table : *tables) {
    out << "  " << Printable(table) << ": " << WordsOf(table, waiting) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

bool DryRun(const SourceConfig& source, const Connection& connection, std::ostream& out, std::ostream& err) {
  out << source.context_id << "  " << Printable(source.path) << '\n';
  const absl::Status looked = Show(source, out);
  if (!looked.ok()) err << "mirror-agent: " << source.context_id << ": " << looked.message() << '\n';
  MirrorClient client(connection.channel, connection.identity, source.context_id);
  const auto answer = client.Authenticate("", /*take_over=*/false, /*probe=*/true);
  if (!answer.ok()) {
    err << "mirror-agent: " << source.context_id << ": " << answer.status().message() << '\n';
    return false;
  }
  out << "  the endpoint, version " << answer->server_version() << ", proved itself"
      << (answer->do_not_replicate() ? ", and does not want changes now" : "") << ". Nothing was sent.\n";
  return looked.ok();
}

}  // namespace mirror
