#include "tools/mirrorctl/admin/admin_output.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/text_stream.h"
#include "tools/mirrorctl/admin/console.h"
#include "tools/mirrorctl/admin/output_words.h"

namespace mirror {
namespace {

/// How old the table is by this machine's clock.
std::string DataAge(const v1::TableInfo& info, std::int64_t now_ms) {
  if (info.source_time_ms() == 0) return "";
  const bool missed =
      info.freshness_target_ms() > 0 && now_ms - info.source_time_ms() > info.freshness_target_ms();
  return absl::StrCat(AgeText(info.source_time_ms(), now_ms), missed ? ", too old" : "");
}

/// "equal, 3 h ago", "differs in 3 rows, 3 h ago at LSN 7" where the table has another one, "unknown".
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
  // The same number of rows proves nothing of the rows.
  return equality == v1::EQUALITY_EQUAL ? Colour::kGreen : Colour::kNone;
}

Colour SeverityColour(v1::Severity severity) {
  if (severity == v1::SEVERITY_ERROR) return Colour::kRed;
  return severity == v1::SEVERITY_WARNING ? Colour::kYellow : Colour::kNone;
}

}  // namespace

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
             {EnumWord(event.severity()), SeverityColour(event.severity())},
             event.context_id(),
             event.kind(),
             event.message()});
}

}  // namespace mirror
