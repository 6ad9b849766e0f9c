#include "tools/mirrorctl/admin_output.h"

#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "certs/key.h"

namespace mirror {
namespace {

Json PositionJson(const v1::Position& position) {
  return {{"lsn", position.lsn()}, {"lineage", absl::BytesToHexString(position.lineage())}};
}

/// Milliseconds, as all times of these objects; 0 seconds: there is none.
Json TimeJson(std::int64_t seconds) { return seconds == 0 ? Json() : Json(seconds * 1'000); }
Json TextJson(const std::string& text) { return text.empty() ? Json() : Json(text); }

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

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace

Json ToJson(const v1::Tenant& tenant) {
  return {{"context_id", tenant.context_id()},
          {"issuer", tenant.issuer()},
          {"environment", tenant.environment()},
          {"source_id", tenant.source_id()},
          {"cycle", tenant.cycle()},
          {"active", tenant.active()},
          {"last_progress_ms", tenant.last_progress_ms()},
          {"last_completed_ms", tenant.last_completed_ms()},
          {"paused", tenant.paused()},
          {"pause_reason", tenant.pause_reason()},
          {"tables", tenant.tables()},
          {"tables_unpopulated", tenant.tables_unpopulated()},
          {"bytes", tenant.bytes()},
          {"quarantine", tenant.quarantine()},
          {"path", tenant.path()}};
}

Json ToJson(const v1::TableInfo& table) {
  return {{"table", table.table()},
          {"position", PositionJson(table.position())},
          {"pending", table.has_pending() ? PositionJson(table.pending()) : Json()},
          {"schema_hash", table.schema_hash()},
          {"row_count", table.row_count()},
          {"state", table.state()},
          {"columns", table.columns()},
          {"cycle", table.cycle()}};
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

Json ToJson(const v1::DiagnoseResponse& diagnosis) {
  Json stores = Json::array();
  for (const v1::DiagnoseResponse::Store& store : diagnosis.stores()) {
    stores.push_back({{"context_id", store.context_id()}, {"ok", store.ok()}, {"detail", store.detail()}});
  }
  return {{"disk_free_bytes", diagnosis.disk_free_bytes()},
          {"fsync_us", diagnosis.fsync_us()},
          {"open_tenants", diagnosis.open_tenants()},
          {"open_tenants_max", diagnosis.open_tenants_max()},
          {"findings", std::vector<std::string>(diagnosis.findings().begin(), diagnosis.findings().end())},
          {"stores", stores}};
}

void PrintJson(std::ostream& out, const Json& json) { out << Dump(json, 2) << '\n'; }

void PrintJsonLine(std::ostream& out, const Json& json) { out << Dump(json, -1) << '\n'; }

std::string TimeText(std::int64_t milliseconds) { return FormatUnixTime(milliseconds / 1000); }

void PrintTenants(std::ostream& out, const v1::ListTenantsResponse& answer) {
  TextTable table({{"tenant"},
                   {"tables", true},
                   {"unpopulated", true},
                   {"last_completed"},
                   {"cycle"},
                   {"paused"},
                   {"size", true}});
  for (const v1::Tenant& tenant : answer.tenants()) {
    if (!tenant.quarantine().empty()) {
      table.Add({tenant.context_id(), "", "", "", "damaged", "", ""});
      continue;
    }
    table.Add({tenant.context_id(), absl::StrCat(tenant.tables()), absl::StrCat(tenant.tables_unpopulated()),
               tenant.last_completed_ms() == 0 ? "never" : TimeText(tenant.last_completed_ms()),
               tenant.active() ? "active" : "idle", tenant.paused() ? "yes" : "no",
               SizeText(tenant.bytes())});
  }
  table.Print(out);
}

void PrintTables(std::ostream& out, const v1::ListTablesResponse& answer) {
  TextTable table({{"table"}, {"lsn", true}, {"rows", true}, {"state"}, {"pending", true}, {"cycle", true}});
  for (const v1::TableInfo& info : answer.tables()) {
    table.Add({info.table(), absl::StrCat(info.position().lsn()),
               info.row_count() < 0 ? "-" : absl::StrCat(info.row_count()), info.state(),
               info.has_pending() ? absl::StrCat(info.pending().lsn()) : "-", absl::StrCat(info.cycle())});
  }
  table.Print(out);
}

void PrintKeys(std::ostream& out, const v1::ListKeysResponse& answer) {
  // Those that hold spaces stand last.
  TextTable table({{"key_id"},
                   {"algorithm"},
                   {"not_before"},
                   {"not_after"},
                   {"thumbprint"},
                   {"environment"},
                   {"state"},
                   {"issuer"}});
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

void PrintDiagnosis(std::ostream& out, const v1::DiagnoseResponse& diagnosis) {
  const std::string fsync = diagnosis.fsync_us() == 0 ? "-" : absl::StrCat(diagnosis.fsync_us(), " us");
  out << "disk free     " << SizeText(diagnosis.disk_free_bytes()) << "\nfsync         " << fsync
      << "\nopen tenants  " << diagnosis.open_tenants() << " of " << diagnosis.open_tenants_max() << "\n\n";
  TextTable table({{"tenant"}, {"store"}, {"detail"}});
  for (const v1::DiagnoseResponse::Store& store : diagnosis.stores()) {
    table.Add({store.context_id(), store.ok() ? "ok" : "bad", store.detail()});
  }
  table.Print(out);
}

TextTable EventTable() { return TextTable({{"time"}, {"severity"}, {"tenant"}, {"kind"}, {"message"}}); }

void AddEvent(TextTable& table, const v1::Event& event) {
  table.Add({TimeText(event.time_ms()), SeverityText(event.severity()), event.context_id(), event.kind(),
             event.message()});
}

}  // namespace mirror
