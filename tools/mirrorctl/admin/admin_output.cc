#include "tools/mirrorctl/admin/admin_output.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "tools/mirrorctl/admin/console.h"
#include "tools/mirrorctl/admin/output_words.h"

namespace mirror {
namespace {

Json PositionJson(const v1::Position& position) {
  return {{"lsn", position.lsn()}, {"lineage", absl::BytesToHexString(position.lineage())}};
}

/// Milliseconds, as all times of these objects; 0 seconds: there is none.
Json TimeJson(std::int64_t seconds) { return seconds == 0 ? Json() : Json(seconds * 1'000); }

std::string SeverityText(v1::Severity severity) {
  switch (severity) {
    case v1::SEVERITY_INFORMATION:
      return "information";
    case v1::SEVERITY_WARNING:
      return "warning";
    case v1::SEVERITY_ERROR:
      return "error";
    default:
      return absl::StrCat("severity-", static_cast<int>(severity));  // Of a newer server.
  }
}

std::string EqualityText(v1::Equality equality) {
  switch (equality) {
    case v1::EQUALITY_EQUAL:
      return "equal";
    case v1::EQUALITY_COUNT_EQUAL:
      return "same number of rows";
    case v1::EQUALITY_DIFFERS:
      return "differs";
    default:
      return "unknown";
  }
}

/// How old the table is by this machine's clock.
std::string DataAge(const v1::TableInfo& info, std::int64_t now_ms) {
  if (info.source_time_ms() == 0) return "";
  const bool missed =
      info.freshness_target_ms() > 0 && now_ms - info.source_time_ms() > info.freshness_target_ms();
  return absl::StrCat(AgeText(info.source_time_ms(), now_ms), missed ? ", too old" : "");
}

/// "equal, 3 h ago", "differs in 3 rows, 3 h ago at LSN 7" where the table has another one, "unknown".
std::string EqualityWords(const v1::TableInfo& info, std::int64_t now_ms) {
  std::string words = EqualityText(info.equality());
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

const char* CollationText(v1::Collation collation) {
  switch (collation) {
    case v1::COLLATION_NOCASE:
      return "NOCASE";
    case v1::COLLATION_RTRIM:
      return "RTRIM";
    default:
      return "BINARY";
  }
}

const char* UntoldText(v1::UntoldReason reason) {
  switch (reason) {
    case v1::UNTOLD_REASON_PARTIAL:
      return "partial";
    case v1::UNTOLD_REASON_EXPRESSION:
      return "expression";
    case v1::UNTOLD_REASON_COLLATION:
      return "collation";
    default:
      return "";
  }
}

template <typename Repeated>
Json Texts(const Repeated& texts) {
  return std::vector<std::string>(texts.begin(), texts.end());
}

Colour EqualityColour(v1::Equality equality) {
  if (equality == v1::EQUALITY_DIFFERS) return Colour::kYellow;
  // The same number of rows proves nothing of the rows.
  return equality == v1::EQUALITY_EQUAL ? Colour::kGreen : Colour::kNone;
}

Colour SeverityColour(v1::Severity severity) {
  if (severity == v1::SEVERITY_ERROR) return Colour::kRed;
  return severity == v1::SEVERITY_WARNING ? Colour::kYellow : Colour::kNone;
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace

Json ParsedJson(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(text) : json;
}

Json ToJson(const v1::TableInfo& table) {
  return {{"table", table.table()},
          {"position", PositionJson(table.position())},
          {"pending", table.has_pending() ? PositionJson(table.pending()) : Json()},
          {"schema_hash", table.schema_hash()},
          {"row_count", table.row_count()},
          {"state", table.state()},
          {"columns", table.columns()},
          {"cycle", table.cycle()},
          {"equality", EqualityText(table.equality())},
          {"compared_lsn", table.compared_lsn()},
          {"compared_ms", table.compared_ms()},
          {"rows_differ", table.rows_differ()},
          {"verify_wanted", table.verify_wanted()},
          {"source_time_ms", table.source_time_ms()},
          {"freshness_target_ms", table.freshness_target_ms()},
          {"unsent", table.unsent()},
          {"unsent_why", table.unsent_why()},
          {"unsent_since_ms", table.unsent_since_ms()}};
}

Json ToJson(const v1::ListIndexesResponse& answer) {
  Json tables = Json::array();
  for (const v1::TableIndexes& table : answer.tables()) {
    Json indexes = Json::array(), keys = Json::array(), untold = Json::array();
    for (const v1::SourceIndex& index : table.source_objects().indexes()) {
      Json columns = Json::array();
      for (const v1::IndexColumn& column : index.columns()) {
        columns.push_back({{"name", column.name()},
                           {"descending", column.descending()},
                           {"collation", CollationText(column.collation())}});
      }
      indexes.push_back({{"name", index.name()}, {"unique", index.unique()}, {"columns", columns}});
    }
    for (const v1::SourceForeignKey& key : table.source_objects().foreign_keys()) {
      keys.push_back({{"columns", Texts(key.columns())},
                      {"table", key.table()},
                      {"table_columns", Texts(key.table_columns())}});
    }
    for (const v1::UntoldIndex& index : table.source_objects().untold()) {
      untold.push_back({{"name", index.name()}, {"reason", UntoldText(index.reason())}});
    }
    tables.push_back({{"table", table.table()},
                      {"told", table.has_source_objects()},
                      {"indexes", indexes},
                      {"foreign_keys", keys},
                      {"untold", untold},
                      {"more", table.source_objects().more()},
                      {"followed", Texts(table.followed())},
                      {"lines", Texts(table.lines())}});
  }
  return {{"follow", answer.follow()}, {"tables", tables}};
}

Json ToJson(const v1::Hold& hold) {
  return {{"hold", HoldName(hold)},
          {"context_id", hold.context_id()},
          {"kind", hold.kind()},
          {"table", hold.table()},
          {"rows", hold.rows()},
          {"rows_before", hold.rows_before()},
          {"tables", std::vector<std::string>(hold.tables().begin(), hold.tables().end())},
          {"since_ms", hold.since_ms()},
          {"state", hold.state()},
          {"reason", hold.reason()},
          {"keys", std::vector<std::string>(hold.keys().begin(), hold.keys().end())}};
}

Json ToJson(const v1::BackupResponse& backup) {
  Json tables = Json::array();
  for (const v1::BackupResponse::Table& table : backup.tables()) {
    tables.push_back({{"table", table.table()},
                      {"row_count", table.row_count()},
                      {"digest", absl::StrCat(absl::Hex(table.digest(), absl::kZeroPad16))},
                      {"lsn", table.lsn()}});
  }
  return {{"bytes", backup.bytes()}, {"tables", std::move(tables)}};
}

Json ToJson(const v1::Event& event) {
  return {{"id", event.id()},
          {"time_ms", event.time_ms()},
          {"context_id", event.context_id()},
          {"severity", SeverityText(event.severity())},
          {"kind", event.kind()},
          {"message", event.message()}};
}

Json ToJson(const v1::KeyInfo& key) {
  return {{"issuer", key.issuer()},
          {"environment", TextJson(key.environment())},
          {"key_id", key.key_id()},
          {"algorithm", key.algorithm()},
          {"not_before_ms", TimeJson(key.not_before())},
          {"not_after_ms", TimeJson(key.not_after())},
          {"thumbprint", TextJson(key.thumbprint())},
          {"state", key.state()}};
}

Json ToJson(const v1::ServerInfo& server) {
  Json duties = Json::array();
  for (const std::string& duty : server.duties()) duties.push_back(duty);
  Json closed = Json::array();
  for (const std::string& place : server.closed_places()) closed.push_back(place);
  return {{"server_id", TextJson(server.server_id())},
          {"host", server.host()},
          {"address", server.address()},
          {"admin_address", server.admin_address()},
          {"version", server.version()},
          {"rules", TextJson(server.rules())},
          {"clock_ahead_ms", server.clock_ahead_ms()},
          {"started_ms", server.started_ms()},
          {"silent_ms", server.silent_ms()},
          {"duties", duties},
          {"closed_places", closed},
          {"here", server.here()}};
}

Json ToJson(const v1::DiagnoseResponse& diagnosis) {
  Json stores = Json::array();
  for (const v1::DiagnoseResponse::Store& store : diagnosis.stores()) {
    stores.push_back({{"context_id", store.context_id()}, {"ok", store.ok()}, {"detail", store.detail()}});
  }
  Json keys = Json::array();
  for (const v1::DiagnoseResponse::Key& key : diagnosis.keys()) {
    keys.push_back({{"name", key.name()}, {"kind", key.kind()}, {"not_after", key.not_after()}});
  }
  return {{"disk_free_bytes", diagnosis.disk_is_elsewhere() ? Json() : Json(diagnosis.disk_free_bytes())},
          {"fsync_us", diagnosis.fsync_us()},
          {"open_tenants", diagnosis.open_tenants()},
          {"open_tenants_max", diagnosis.open_tenants_max()},
          {"findings", std::vector<std::string>(diagnosis.findings().begin(), diagnosis.findings().end())},
          {"stores", stores},
          {"server_time_ms", diagnosis.server_time_ms()},
          {"keys", keys}};
}

void PrintJson(std::ostream& out, const Json& json) { AsItIs(out) << Dump(json, 2) << '\n'; }

void PrintJsonLine(std::ostream& out, const Json& json) { AsItIs(out) << Dump(json, -1) << '\n'; }

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
  // Equality is between a mirror and its source.
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

/// Nothing where there is nothing to name: of a source, and of whole tables.
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
  // Those that hold spaces stand last.
  TextTable table({{"key_id"},
                   {.name = "algorithm", .goes = 2},
                   {.name = "not_before", .goes = 3},
                   {.name = "not_after", .goes = 5},
                   {.name = "thumbprint", .goes = 1},
                   {.name = "environment", .goes = 4},
                   {"state"},
                   {"issuer"}},
                  width);
  // 0: a key without a certificate has no times.
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
  // Beside a server there is little room, and half a time says nothing of an order.
  return ServerTable({{.name = "time", .goes = 3, .uncut = servers != nullptr},
                      {.name = "severity", .goes = 2},
                      {"tenant"},
                      {.name = "kind", .goes = 1},
                      {"message"}},
                     servers, width);
}

void AddEvent(ServerTable& table, const v1::Event& event) {
  table.Add({TimeText(event.time_ms()),
             {SeverityText(event.severity()), SeverityColour(event.severity())},
             event.context_id(),
             event.kind(),
             event.message()});
}

}  // namespace mirror
