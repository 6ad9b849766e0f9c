// hub init: [[hub]] for tables that the mirrors have.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/interruption.h"
#include "base/text/text_stream.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_command.h"
#include "tools/mirrorctl/hub_commands.h"
#include "tools/mirrorctl/hub_config.h"

namespace mirror {
namespace {

/// Bytes of a column's first values that are looked at.
constexpr std::size_t kSampleBytes = 4'096;

/// Whether it has '06/25/2025 10:30:00 AM': each letter of the form stands for itself, '9' for a digit, a
/// blank for one or more.
bool HasAmericanTime(const std::string& values) {
  constexpr std::string_view kForm = "99/99/9999 99:99:99 ?M";
  const auto fits = [](char form, char c) {
    if (form == '9') return c >= '0' && c <= '9';
    return form == '?' ? c == 'A' || c == 'P' : form == c;
  };
  for (std::size_t begin = 0; begin < values.size(); ++begin) {
    std::size_t i = 0;
    for (std::size_t at = begin; i < kForm.size() && at < values.size() && fits(kForm[i], values[at]); ++i) {
      ++at;
      while (kForm[i] == ' ' && at < values.size() && values[at] == ' ') ++at;
    }
    if (i == kForm.size()) return true;
  }
  return false;
}

/// Columns of a table, and of its first rows what tells how a time is written. No value goes anywhere.
absl::StatusOr<FoundTable> LookAt(AdminClient& admin, const std::string& tenant, const std::string& table) {
  v1::ExportTableRequest asked;
  asked.set_context_id(tenant);
  asked.set_table(table);
  FoundTable found;
  bool seen = false;
  const Interruption interruption;
  absl::Status status = ExportClient(admin).Read(asked, interruption, [&](v1::ExportPart* part) {
    if (part->has_header()) {
      found.tenant = part->header().context_id();
      found.table = part->header().table().name();
      for (const v1::Column& column : part->header().table().columns()) {
        found.columns.push_back({.name = column.name(),
                                 .key = column.key_position() > 0,
                                 .text = column.type() == v1::TYPE_TEXT});
      }
      return absl::OkStatus();
    }
    seen = true;
    for (const v1::ColumnData& column : part->rows().columns()) {
      if (column.column() >= found.columns.size()) continue;
      found.columns[column.column()].american_time = HasAmericanTime(column.data().substr(0, kSampleBytes));
    }
    return absl::CancelledError();  // The first rows are enough.
  });
  if (!status.ok() && !seen) return status;
  return found;
}

void PrintConfig(AdminClient& admin, const AdminRequest& request, Console& console) {
  std::vector<std::pair<std::string, std::string>> places;
  if (request.datajoin) {
    for (const std::string& table : request.names) {
      for (const std::string& tenant : request.tenants) places.emplace_back(tenant, table);
    }
  } else {
    for (std::size_t i = 0; i + 1 < request.names.size(); i += 2) {
      places.emplace_back(request.names[i], request.names[i + 1]);
    }
  }
  std::vector<FoundTable> tables;
  for (const auto& [tenant, table] : places) {
    absl::StatusOr<FoundTable> found = LookAt(admin, tenant, table);
    if (!found.ok()) return Fail(console, found.status());
    tables.push_back(*std::move(found));
  }
  const absl::StatusOr<std::string> config = request.datajoin
                                                 ? DataJoinConfig(request.storage, tables)
                                                 : EntityConfig(request.storage, request.entity, tables);
  if (!config.ok()) return Fail(console, config.status());
  AsItIs(console.out) << *config;
}

std::string WhatIsWrong(const AdminRequest& request) {
  if (request.datajoin) {
    if (!request.entity.empty()) return "--entity goes without --datajoin: there each table is one";
    return request.tenants.size() < 2 ? "--datajoin needs --tenant at least twice: who exchanges the tables"
                                      : "";
  }
  if (!request.tenants.empty()) return "--tenant goes with --datajoin; else name a tenant before each table";
  if (request.entity.empty()) return "--entity is required: what the records are, as 'company'";
  return request.names.size() < 4 || request.names.size() % 2 != 0
             ? "give a tenant and a table, and so on: at least two of each"
             : "";
}

}  // namespace

void AddHubInit(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command init =
      of_hub.Add("init", "Print a [[hub]] for tables that the mirrors have, for mirror-server.toml",
                 "Acme --entity company crm contact erp customer", PrintConfig);
  init.Add("storage", request->storage, "The storage that it is of, e.g. Acme").Required();
  init.Add("names", request->names, "A tenant and its table, and so on; with --datajoin tables alone")
      .ValueName("TENANT TABLE")
      .Required();
  init.Add("--entity", request->entity, "What the records are, e.g. company").ValueName("ENTITY");
  init.AddFlag("--datajoin", request->datajoin,
               "Tables are exchanged whole: one entity each, found by their keys");
  init.Add("--tenant", request->tenants, "With --datajoin: who exchanges them; again for each")
      .ValueName("TENANT")
      .TakeAll();
  init.Check([request] { return WhatIsWrong(*request); });
}

}  // namespace mirror
