#include "tools/mirrorctl/admin/server_list.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_table.h"

namespace mirror {
namespace {

/// Digests of rules share their first digits where columns are set alike. As many digits as tell all of them
/// apart.
std::size_t RulesDigits(const v1::ListServersResponse& answer) {
  constexpr std::size_t kLeast = 7;
  std::size_t digits = kLeast;
  for (const v1::ServerInfo& one : answer.servers()) {
    for (const v1::ServerInfo& other : answer.servers()) {
      const std::size_t end = std::min(one.rules().size(), other.rules().size());
      std::size_t alike = 0;
      while (alike < end && one.rules()[alike] == other.rules()[alike]) ++alike;
      if (one.rules() != other.rules()) digits = std::max(digits, alike + 1);
    }
  }
  return digits;
}

}  // namespace

std::vector<std::string> ServersWithOtherRules(const v1::ListServersResponse& answer) {
  constexpr std::int64_t kGoneMs = 15'000;  // As the service says it.
  std::vector<std::string> others;
  const auto& servers = answer.servers();
  const auto here = std::find_if(servers.begin(), servers.end(), [](const auto& one) { return one.here(); });
  if (here == servers.end()) return others;
  for (const v1::ServerInfo& other : servers) {
    // What is left of its own last start is no other server.
    const bool is_itself = other.host() == here->host() && other.address() == here->address();
    if (is_itself || other.silent_ms() > kGoneMs || other.rules() == here->rules()) continue;
    others.push_back(absl::StrCat(other.host(), " at ", other.address()));
  }
  return others;
}

void PrintServers(std::ostream& out, const v1::ListServersResponse& answer, std::size_t width,
                  std::int64_t now_ms) {
  const std::size_t digits = width == 0 ? std::string::npos : RulesDigits(answer);
  TextTable table({{"host"},
                   {.name = "address", .whole = true},
                   {.name = "admin_address", .goes = 3},
                   {.name = "version", .goes = 4},
                   {.name = "up", .goes = 2},
                   {"seen"},
                   {.name = "clock", .goes = 5},
                   {.name = "rules", .number = true, .goes = 1},
                   {"duties"}},
                  width);
  for (const v1::ServerInfo& server : answer.servers()) {
    const std::int64_t off = server.clock_ahead_ms();
    table.Add({server.host(), server.address(), server.admin_address(), server.version(),
               SpanText(now_ms - server.started_ms()),
               server.here() ? "answers" : absl::StrCat(SpanText(server.silent_ms()), " ago"),
               absl::StrCat(off < 0 ? "-" : "+", SpanText(off < 0 ? -off : off)),
               server.rules().substr(0, digits), absl::StrJoin(server.duties(), ", ")});
  }
  table.Print(out);
  const std::vector<std::string> others = ServersWithOtherRules(answer);
  if (!others.empty()) {
    out << "\nother rules than the server that answers: " << Printable(absl::StrJoin(others, ", "))
        << "\n'mirrorctl events --kind server.rules' says what they are of\n";
  }
  for (const v1::ServerInfo& server : answer.servers()) {
    if (server.closed_places().empty()) continue;
    out << "\nthe server that answers does not serve yet what is in: "
        << absl::StrJoin(server.closed_places(), ", ")
        << "\n'mirrorctl events --kind server.place' says why\n";
  }
}

}  // namespace mirror
