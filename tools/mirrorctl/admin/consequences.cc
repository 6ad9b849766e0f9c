#include "tools/mirrorctl/admin/consequences.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_table.h"

namespace mirror {
namespace {

/// The first version that supports dry runs.
constexpr int kSinceMajor = 0, kSinceMinor = 2;

bool IsOfBefore(const std::string& version) {
  const std::vector<std::string> parts = absl::StrSplit(version, '.');
  int major = 0, minor = 0;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &major) || !absl::SimpleAtoi(parts[1], &minor))
    return true;
  return major < kSinceMajor || (major == kSinceMajor && minor < kSinceMinor);
}

std::string Count(std::int64_t number) {
  return number < 0 ? std::string("?") : Grouped(static_cast<std::uint64_t>(number));
}

std::string NameOf(const v1::Consequence& one) { return one.table().empty() ? "(no table)" : one.table(); }

void PrintRestored(std::ostream& out, const v1::Consequences& counted, std::size_t width) {
  TextTable table({{"table"},
                   {"lsn_now", true},
                   {"lsn_then", true},
                   {"rows_now", true},
                   {"rows_then", true},
                   {"only_now", true},
                   {"only_then", true},
                   {"different", true}},
                  width);
  for (const v1::Consequence& one : counted.tables()) {
    const v1::RestoredTable& restored = one.restored();
    const auto compared = [&](std::uint64_t number) {
      return restored.compared() ? Grouped(number) : std::string();
    };
    table.Add({NameOf(one), absl::StrCat(restored.lsn_now()), absl::StrCat(restored.lsn_then()),
               Count(restored.rows_now()), Count(restored.rows_then()), compared(restored.only_now()),
               compared(restored.only_then()), compared(restored.different())});
  }
  table.Print(out);
}

void PrintGone(std::ostream& out, const v1::Consequences& counted, std::size_t width) {
  TextTable table({{"table"},
                   {"rows", true},
                   {"partner_rows", true},
                   {"versions", true},
                   {"entries", true},
                   {"to_send", true},
                   {"objects"}},
                  width);
  for (const v1::Consequence& one : counted.tables()) {
    table.Add({NameOf(one), Count(one.rows()), Count(one.partner_rows()), Count(one.versions()),
               Count(one.entries()), Count(one.rows_to_send()), absl::StrJoin(one.objects(), ", ")});
  }
  table.Print(out);
}

}  // namespace

absl::Status CheckKnowsDryRuns(AdminClient& admin) {
  const absl::StatusOr<v1::ListServersResponse> servers = admin.Servers();
  if (!servers.ok() && !absl::IsUnimplemented(servers.status())) return servers.status();
  std::string version = "0";
  if (servers.ok()) {
    const auto here = std::find_if(servers->servers().begin(), servers->servers().end(),
                                   [](const v1::ServerInfo& server) { return server.here(); });
    if (here != servers->servers().end()) version = here->version();
  }
  if (!IsOfBefore(version)) return absl::OkStatus();
  return absl::UnimplementedError(
      "the server is older than this mirrorctl and has no dry runs: it would do what it should only count. "
      "Nothing was sent to it. Update the server first");
}

void PrintConsequences(std::ostream& out, const v1::Consequences& counted, std::size_t width) {
  const bool restores = std::any_of(counted.tables().begin(), counted.tables().end(),
                                    [](const v1::Consequence& one) { return one.has_restored(); });
  if (restores) {
    PrintRestored(out, counted, width);
  } else {
    PrintGone(out, counted, width);
  }
  for (const v1::Consequence& one : counted.tables()) {
    if (one.keys().empty()) continue;
    out << "keys of " << Printable(NameOf(one)) << ": " << Printable(absl::StrJoin(one.keys(), "; ")) << '\n';
  }
  for (const std::string& note : counted.notes()) out << Printable(note) << '\n';
}

}  // namespace mirror
