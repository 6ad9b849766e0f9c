#include "tools/mirrorctl/admin/admin_output.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {
namespace {

/// Returns how long ago a time was.
std::string AgeText(std::int64_t then_ms, std::int64_t now_ms) { return SpanText(now_ms - then_ms); }

/// Returns a number of rows; empty: it is not known.
std::string RowsText(std::int64_t rows) { return rows < 0 ? "" : Grouped(static_cast<std::uint64_t>(rows)); }

/// Returns the colour for the state of a tenant or of one of its tables.
Colour StateColour(const std::string& state) {
  static const std::map<std::string, Colour> kColours = {
      {"damaged", Colour::kRed},    {"failing", Colour::kRed},        {"held", Colour::kYellow},
      {"differs", Colour::kYellow}, {"late", Colour::kYellow},        {"incomplete", Colour::kYellow},
      {"unsent", Colour::kYellow},  {"unpopulated", Colour::kYellow}, {"repopulate", Colour::kYellow},
      {"stopped", Colour::kYellow}, {"paused", Colour::kYellow},      {"good", Colour::kGreen},
      {"mirrored", Colour::kGreen}};
  const auto found = kColours.find(state);
  return found == kColours.end() ? Colour::kNone : found->second;
}

std::vector<TextTable::Column> WithServer(std::vector<TextTable::Column> columns,
                                          const LineServers* servers) {
  if (servers != nullptr) columns.insert(columns.begin(), {.name = "server", .whole = true});
  return columns;
}

/// Returns the age of a table's data by this machine's clock.
std::string DataAge(const v1::TableInfo& info, std::int64_t now_ms) {
  if (info.source_time_ms() == 0) return "";
  const bool missed =
      info.freshness_target_ms() > 0 && now_ms - info.source_time_ms() > info.freshness_target_ms();
  return absl::StrCat(AgeText(info.source_time_ms(), now_ms), missed ? ", too old" : "");
}

/// Returns a text such as "equal, 3 h ago", "unknown" or "differs in 3 rows, 3 h ago". If the table has
/// another LSN now, it ends with the compared one: "at LSN 7".
std::string EqualityWords(const v1::TableInfo& info, std::int64_t now_ms) {
  std::string words = EnumWord(info.equality());
  if (info.equality() == v1::EQUALITY_DIFFERS) {
    absl::StrAppend(&words, " in ", Counted(info.rows_differ(), "row"));
  }
  if (info.compared_ms() > 0) {
    absl::StrAppend(&words, ", ", AgeText(info.compared_ms(), now_ms), " ago");
    if (info.compared_lsn() != info.position().lsn())
      absl::StrAppend(&words, " at LSN ", info.compared_lsn());
  }
  if (info.verify_wanted()) absl::StrAppend(&words, "; to be compared");
  return words;
}

Colour EqualityColour(v1::Equality equality) {
  if (equality == v1::EQUALITY_DIFFERS) return Colour::kYellow;
  // Equal row counts do not prove that the rows are equal.
  return equality == v1::EQUALITY_EQUAL ? Colour::kGreen : Colour::kNone;
}

Colour SeverityColour(v1::Severity severity) {
  if (severity == v1::SEVERITY_ERROR) return Colour::kRed;
  return severity == v1::SEVERITY_WARNING ? Colour::kYellow : Colour::kNone;
}

/// Returns the age of the last cycle; empty for records, which have no cycles.
std::string CycleAge(const v1::Tenant& tenant, std::int64_t now_ms) {
  if (tenant.door() == "records") return "";
  return tenant.last_completed_ms() == 0 ? "never" : AgeText(tenant.last_completed_ms(), now_ms);
}

/// Returns a short note after a tenant's state.
std::string NoteOf(const v1::Tenant& tenant, std::int64_t now_ms) {
  std::vector<std::string> notes;
  const auto counted = [&](std::uint32_t count, const char* one, const char* more) {
    if (count > 0) notes.push_back(absl::StrCat(Grouped(count), count == 1 ? one : more));
  };
  if (!tenant.quarantine().empty()) notes.push_back(tenant.quarantine());
  if (tenant.failing_since_ms() > 0) {
    notes.push_back(absl::StrCat("cycles have failed for ", AgeText(tenant.failing_since_ms(), now_ms), ": ",
                                 tenant.failure()));
  }
  if (!tenant.waiting_source_id().empty()) notes.emplace_back("another source waits");
  counted(tenant.holds(), " hold", " holds");
  counted(tenant.tables_differing(), " table differs", " tables differ");
  counted(tenant.tables_unsent(), " table not sent by its source", " tables not sent by its source");
  counted(tenant.tables_late(), " table too old", " tables too old");
  counted(tenant.tables_refused(), " table refused", " tables refused");
  counted(tenant.tables_unpopulated(), " table unpopulated", " tables unpopulated");
  if (tenant.hub().suspended_ms() > 0) {
    notes.push_back(absl::StrCat("suspended in hub '", tenant.hub().storage(), "' for ",
                                 AgeText(tenant.hub().suspended_ms(), now_ms)));
  } else if (!tenant.hub().stopped().empty()) {
    notes.push_back(tenant.hub().stopped());
  }
  const auto deliveries = [&](std::uint64_t count, const char* what) {
    if (count > 0)
      notes.push_back(absl::StrCat(Grouped(count), count == 1 ? " delivery " : " deliveries ", what));
  };
  deliveries(tenant.hub().held(), "held");
  deliveries(tenant.hub().refused(), "refused");
  if (tenant.hub().frozen() > 0)
    notes.push_back(absl::StrCat(Counted(tenant.hub().frozen(), "golden record"), " frozen"));
  if (tenant.paused()) {
    notes.push_back(tenant.pause_reason().empty() ? "paused"
                                                  : absl::StrCat("paused: ", tenant.pause_reason()));
  }
  return absl::StrJoin(notes, ", ");
}

/// Returns how many digits are needed to distinguish the values of `rules` of all servers. Values have their
/// first digits in common if the rules for columns are equal.
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

ServerTable::ServerTable(std::vector<TextTable::Column> columns, const LineServers* servers,
                         std::size_t width)
    : servers_(servers), table_(WithServer(std::move(columns), servers), width) {}

void ServerTable::Add(std::vector<TextTable::Cell> cells) {
  if (servers_ != nullptr) cells.insert(cells.begin(), servers_->at(lines_));
  ++lines_;
  table_.Add(cells);
}

std::string TimeText(std::int64_t milliseconds) { return FormatUnixTime(milliseconds / 1000); }

void PrintIndexes(std::ostream& to, const v1::ListIndexesResponse& answer) {
  std::ostream& out = AsItIs(to);
  if (answer.follow()) {
    out << "-- The server makes these indexes itself ('indexes = \"follow\"'), under names that begin with "
        << "_mirror_index_\n";
  }
  for (const v1::TableIndexes& table : answer.tables()) {
    for (const std::string& line : table.lines()) out << Printable(line) << '\n';
  }
}

void PrintTables(std::ostream& out, const v1::ListTablesResponse& answer, std::size_t width,
                 std::int64_t now_ms) {
  TextTable table({{"table"},
                   {.name = "lsn", .number = true, .goes = 3},
                   {.name = "rows", .number = true, .goes = 5},
                   {"state"},
                   {.name = "pending", .number = true, .goes = 2},
                   {.name = "cycle", .number = true, .goes = 1},
                   {.name = "data", .goes = 4},
                   {"equality"}},
                  width);
  // A tenant of records has no source with which it could be compared.
  const bool of_records = answer.door() == "records";
  for (const v1::TableInfo& info : answer.tables()) {
    table.Add({info.table(),
               absl::StrCat(info.position().lsn()),
               RowsText(info.row_count()),
               {info.state(), StateColour(info.state())},
               info.has_pending() ? absl::StrCat(info.pending().lsn()) : "",
               of_records ? "" : absl::StrCat(info.cycle()),
               DataAge(info, now_ms),
               {of_records ? "" : EqualityWords(info, now_ms), EqualityColour(info.equality())}});
  }
  table.Print(out);
}

std::string HoldName(const v1::Hold& hold) { return absl::StrCat(hold.context_id(), ":", hold.hold_id()); }

void PrintHolds(std::ostream& out, const v1::ListHoldsResponse& answer, std::size_t width,
                std::int64_t now_ms, const LineServers* servers) {
  ServerTable table({{"hold"},
                     {.name = "kind", .goes = 4},
                     {"state"},
                     {.name = "rows", .number = true, .goes = 3},
                     {.name = "of", .number = true, .goes = 2},
                     {.name = "since", .goes = 1},
                     {"table"}},
                    servers, width);
  for (const v1::Hold& hold : answer.holds()) {
    table.Add({HoldName(hold), hold.kind(), hold.state(), Grouped(hold.rows()), Grouped(hold.rows_before()),
               AgeText(hold.since_ms(), now_ms),
               hold.table().empty() ? absl::StrJoin(hold.tables(), ", ") : hold.table()});
  }
  table.Print(out);
}

namespace {

/// Prints the keys of a hold of rows. Holds of a source or of whole tables have no keys.
void PrintHeldKeys(std::ostream& out, const v1::Hold& hold) {
  if (hold.kind() != "deletes" && hold.kind() != "population") return;
  const char* label = "keys          ";
  for (const std::string& key : hold.keys()) {
    out << std::exchange(label, "              ") << Printable(key) << '\n';
  }
  const auto shown = static_cast<std::uint64_t>(hold.keys_size());
  if (shown == 0) {
    out << label << "not shown: the server does not know them, or this is a viewer's certificate\n";
  } else if (hold.rows() > shown) {
    out << label << "and " << Grouped(hold.rows() - shown) << " more\n";
  }
}

}  // namespace

void PrintHold(std::ostream& out, const v1::Hold& hold) {
  const std::string name = Printable(ShellWord(HoldName(hold)));
  out << "hold          " << Printable(HoldName(hold)) << "\nkind          " << Printable(hold.kind())
      << '\n';
  if (!hold.table().empty()) out << "table         " << Printable(hold.table()) << '\n';
  for (const std::string& table : hold.tables()) out << "table         " << Printable(table) << '\n';
  out << "rows          " << Grouped(hold.rows()) << " of " << Grouped(hold.rows_before())
      << "\nsince         " << TimeText(hold.since_ms()) << "\nstate         " << Printable(hold.state())
      << "\nreason        " << Printable(hold.reason()) << '\n';
  PrintHeldKeys(out, hold);
  if (hold.kind() == "source") {
    out << "accept        mirrorctl accept-source " << Printable(ShellWord(hold.context_id())) << '\n';
    return;
  }
  out << "allow once    mirrorctl hold commit " << name << "\nrefuse        mirrorctl hold rollback " << name
      << '\n';
}

void PrintBackup(std::ostream& out, const v1::BackupResponse& backup, const std::string& path) {
  out << "copied        " << SizeText(backup.bytes()) << '\n';
  if (!path.empty()) out << "file          " << Printable(path) << " on the server's machine\n";
  if (backup.tables().empty()) return;
  std::uint64_t rows = 0;
  for (const v1::BackupResponse::Table& table : backup.tables()) rows += table.row_count();
  out << "drill         restored, integrity checked, equal: "
      << Counted(static_cast<std::uint64_t>(backup.tables_size()), "table") << ", " << Counted(rows, "row")
      << "\n\n";
  TextTable table({{"table"},
                   {.name = "lsn", .number = true, .goes = 1},
                   {.name = "rows", .number = true, .goes = 2},
                   {"digest"}},
                  kStreamWidth, /*indent=*/0, /*all=*/"");
  for (const v1::BackupResponse::Table& one : backup.tables()) {
    table.Add({one.table(), absl::StrCat(one.lsn()), Grouped(one.row_count()),
               absl::StrCat(absl::Hex(one.digest(), absl::kZeroPad16))});
  }
  table.Print(out);
}

void PrintKeys(std::ostream& out, const v1::ListKeysResponse& answer, std::size_t width) {
  // Columns whose values contain spaces come last.
  TextTable table({{"key_id"},
                   {.name = "algorithm", .goes = 2},
                   {.name = "not_before", .goes = 3},
                   {.name = "not_after", .goes = 5},
                   {.name = "thumbprint", .goes = 1},
                   {.name = "environment", .goes = 4},
                   {"state"},
                   {"issuer"}},
                  width);
  // A key without a certificate has no times: they are 0.
  const auto time = [](std::int64_t seconds) {
    return seconds == 0 ? std::string() : FormatUnixTime(seconds);
  };
  for (const v1::KeyInfo& key : answer.keys()) {
    table.Add({key.key_id(), key.algorithm(), time(key.not_before()), time(key.not_after()), key.thumbprint(),
               key.environment(), key.state(), key.issuer()});
  }
  table.Print(out);
}

void PrintDiagnosis(std::ostream& out, const v1::DiagnoseResponse& diagnosis, std::size_t width) {
  const std::string fsync =
      diagnosis.fsync_us() == 0 ? "-" : absl::StrCat(Grouped(diagnosis.fsync_us()), " us");
  const std::string disk = diagnosis.disk_is_elsewhere() ? "-" : SizeText(diagnosis.disk_free_bytes());
  out << "disk free     " << disk << "\nfsync         " << fsync << "\nopen tenants  "
      << diagnosis.open_tenants() << " of " << diagnosis.open_tenants_max() << "\n\n";
  TextTable table({{"tenant"}, {"store"}, {"detail"}}, width);
  for (const v1::DiagnoseResponse::Store& store : diagnosis.stores()) {
    table.Add({store.context_id(),
               {store.ok() ? "ok" : "bad", store.ok() ? Colour::kGreen : Colour::kRed},
               store.detail()});
  }
  table.Print(out);
}

ServerTable EventTable(std::size_t width, const LineServers* servers) {
  // The column of the server needs space. The time is never cut, because cut times could not be compared.
  return ServerTable({{.name = "time", .goes = 3, .uncut = servers != nullptr},
                      {.name = "severity", .goes = 2},
                      {"tenant"},
                      {.name = "kind", .goes = 1},
                      {"message"}},
                     servers, width);
}

void AddEvent(ServerTable& table, const v1::Event& event) {
  table.Add({TimeText(event.time_ms()),
             {EnumWord(event.severity()), SeverityColour(event.severity())},
             event.context_id(),
             event.kind(),
             event.message()});
}

const std::vector<std::string>& TenantStates() {
  static const std::vector<std::string> kStates = {"damaged", "failing", "held",       "differs",
                                                   "unsent",  "late",    "incomplete", "unknown",
                                                   "paused",  "deleted", "active",     "good"};
  return kStates;
}

void PrintTenants(std::ostream& out, const v1::ListTenantsResponse& answer, std::size_t width,
                  std::int64_t now_ms, const LineServers* servers, const std::string& where) {
  ServerTable table({{"tenant"},
                     {"state"},
                     {.name = "cycle", .goes = 4},
                     {.name = "data", .goes = 5},
                     {.name = "tables", .number = true, .goes = 1},
                     {.name = "rows", .number = true, .goes = 3},
                     {.name = "size", .number = true, .goes = 2},
                     {.name = "note", .one_line = true}},
                    servers, width);
  for (const v1::Tenant& tenant : answer.tenants()) {
    const auto age = [&](std::int64_t then_ms) { return then_ms == 0 ? "" : AgeText(then_ms, now_ms); };
    table.Add({tenant.context_id(),
               {tenant.state(), StateColour(tenant.state())},
               CycleAge(tenant, now_ms),
               age(tenant.oldest_source_ms()),
               Grouped(tenant.tables()),
               RowsText(tenant.rows()),
               SizeText(tenant.bytes()),
               NoteOf(tenant, now_ms)});
  }
  table.Print(out);
  std::uint64_t all = 0, tables = 0, rows = 0, bytes = 0;
  for (const v1::Tenant& tenant : answer.tenants()) {
    tables += tenant.tables();
    rows += static_cast<std::uint64_t>(std::max<std::int64_t>(0, tenant.rows()));
    bytes += tenant.bytes();
  }
  std::vector<std::string> states;
  for (const v1::TenantCount& total : answer.totals()) {
    all += total.tenants();
    states.push_back(absl::StrCat(Grouped(total.tenants()), " ", Printable(total.state())));
  }
  if (all == 0) return;
  if (table.any() || TerminalOf(out).height == 0) out << '\n';
  out << Counted(all, "tenant") << (where.empty() ? "" : " ") << where << ": " << absl::StrJoin(states, ", ");
  const auto shown = static_cast<std::uint64_t>(answer.tenants_size());
  out << "; ";
  if (shown != all) out << "shown: " << Grouped(shown) << ", with ";
  out << Counted(tables, "table") << ", " << Counted(rows, "row") << ", " << SizeText(bytes) << '\n';
}

std::vector<std::string> ServersWithOtherRules(const v1::ListServersResponse& answer) {
  constexpr std::int64_t kGoneMs = 15'000;  // The server uses the same limit.
  std::vector<std::string> others;
  const auto& servers = answer.servers();
  const auto here = std::find_if(servers.begin(), servers.end(), [](const auto& one) { return one.here(); });
  if (here == servers.end()) return others;
  for (const v1::ServerInfo& other : servers) {
    // An entry with the same host and address is this server before its restart.
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
    out << "\nservers with other rules than the server that answers: "
        << Printable(absl::StrJoin(others, ", "))
        << "\n'mirrorctl events --kind server.rules' says what differs\n";
  }
  for (const v1::ServerInfo& server : answer.servers()) {
    if (server.closed_places().empty()) continue;
    out << "\nthe server that answers does not yet serve the mirrors in these places: "
        << absl::StrJoin(server.closed_places(), ", ")
        << "\n'mirrorctl events --kind server.place' says why\n";
  }
}

}  // namespace mirror
