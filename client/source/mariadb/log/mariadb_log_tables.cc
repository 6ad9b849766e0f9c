#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/mariadb/log/mariadb_log_facts.h"
#include "client/source/mariadb/log/mariadb_log_tables.h"

namespace mirror {
namespace {

constexpr int kBinlogRenewalsMax = 5;

absl::Status NotInBinlog(const std::string& table, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "': ", why,
      ", so that its changes cannot be read from the binlog. Nothing of it was sent; the next run finds "
      "them by comparing"));
}

}  // namespace

MariadbLogTable* MariadbLogTables::Find(const std::string& name) {
  const auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

absl::StatusOr<StagedTable> MariadbLogTables::StagedOf(const MariadbLogTable& table) {
  ASSIGN_OR_RETURN(std::vector<StagedTable> all, staging_.stage().Tables());
  for (StagedTable& staged : all) {
    if (staged.id == table.id) return std::move(staged);
  }
  return absl::AbortedError(absl::StrCat("table '", table.table.name, "' is not staged any more"));
}

absl::StatusOr<std::vector<std::string>> MariadbLogTables::Renew(const std::vector<std::string>& names,
                                                                 std::optional<StageMark>* marker) {
  std::set<std::string> changed;
  for (int i = 0; i < kBinlogRenewalsMax; ++i) {
    RETURN_IF_ERROR(TakeCatalog(names));
    Renewal renewal;
    RETURN_IF_ERROR(FindChanges(marker != nullptr, &renewal));
    changed.insert(renewal.changed.begin(), renewal.changed.end());
    if (renewal.fresh.empty() && renewal.changed.empty())
      return std::vector<std::string>(changed.begin(), changed.end());
    // What is in the binlog up to here may be of the definitions of before; that they are still these is seen
    // by another look at the catalogs.
    SetLogged();
    ASSIGN_OR_RETURN(*marker, staging_.StageToMarker(stop_));
    RETURN_IF_ERROR(staging_.WaitUntilSeen((*marker)->lsn, stop_));
    RETURN_IF_ERROR(RaiseRenewed(renewal, (*marker)->lsn));
  }
  return absl::UnavailableError(
      "the definitions of the source's tables changed again and again while its binlog was read. Nothing was "
      "sent; "
      "run again when they no longer change");
}

absl::Status MariadbLogTables::SetStaged(const MariadbLogTable& table, const std::string& fingerprint) {
  StagedTable staged;
  staged.id = table.id;
  staged.name = table.table.name;
  staged.key = KeyNumbers(table.table);
  staged.fingerprint = fingerprint;
  return staging_.stage().SetTable(staged);
}

absl::Status MariadbLogTables::RaiseRenewed(const Renewal& renewal, std::int64_t lsn) {
  for (const auto* const names : {&renewal.fresh, &renewal.changed}) {
    for (const std::string& name : *names) {
      const MariadbLogTable& table = tables_.at(name);
      RETURN_IF_ERROR(staging_.stage().RaiseFloor(
          table.id, lsn, names == &renewal.fresh ? "it is new in the log" : "its definition changed"));
      RETURN_IF_ERROR(SetStaged(table, BinlogFingerprint(table.table)));
    }
  }
  return absl::OkStatus();
}

absl::Status MariadbLogTables::TakeCatalog(const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const MariadbLease session, staging_.sessions()->Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadMariadbTables(*session));
  ASSIGN_OR_RETURN(const auto unlogged, ReadUnlogged(*session, all));
  if (charsets_.empty()) {
    ASSIGN_OR_RETURN(charsets_, ReadBinlogCharsets(*session));
  }
  ASSIGN_OR_RETURN(database_, ReadDatabaseInBinlog(*session));
  std::map<std::string, MariadbLogTable> before = std::exchange(tables_, {});
  for (const std::string& name : names) {
    MariadbLogTable table;
    if (const auto had = before.find(name); had != before.end()) table = std::move(had->second);
    table.id = 0;
    table.trouble = absl::OkStatus();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const MariadbTable& one) { return one.name == name; });
    table.table = found == all.end() ? MariadbTable{.name = name} : *found;
    const auto why = unlogged.find(name);
    if (found == all.end()) {
      table.trouble = absl::AbortedError(absl::StrCat("table '", name, "' went while it was looked at"));
    } else if (why != unlogged.end()) {
      table.trouble = NotInBinlog(name, why->second);
    }
    tables_[name] = std::move(table);
  }
  return absl::OkStatus();
}

/// What is staged of a table whose definition moved is given up, and until that was done to the end the stage
/// has none of it.
absl::Status MariadbLogTables::FindChanges(bool is_fresh, Renewal* renewal) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> staged, staging_.stage().Tables());
  std::int64_t last_id = 0;
  std::map<std::string, StagedTable> by_name;
  for (const StagedTable& table : staged) {
    last_id = std::max(last_id, table.id);
    by_name[table.name] = table;
  }
  for (auto& [name, table] : tables_) {
    if (!table.trouble.ok()) continue;
    const auto found = by_name.find(name);
    const bool is_new = found == by_name.end();
    if (!is_new) table.id = found->second.id;
    if (!is_fresh || (!is_new && found->second.fingerprint == BinlogFingerprint(table.table))) continue;
    if (is_new) {
      table.id = ++last_id;
      renewal->fresh.push_back(name);
    } else {
      (found->second.fingerprint.empty() ? renewal->fresh : renewal->changed).push_back(name);
      ASSIGN_OR_RETURN(const std::int64_t place, staging_.stage().Place());
      RETURN_IF_ERROR(staging_.stage().RaiseFloor(table.id, place + 1, "its definition changed"));
    }
    RETURN_IF_ERROR(SetStaged(table, ""));
  }
  return is_fresh ? DropOthers() : absl::OkStatus();
}

absl::Status MariadbLogTables::DropOthers() {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> staged, staging_.stage().Tables());
  bool dropped = false;
  for (const StagedTable& table : staged) {
    const MariadbLogTable* const known = Find(table.name);
    if (known != nullptr && known->id == table.id) continue;
    RETURN_IF_ERROR(staging_.stage().DropTable(table.id));
    dropped = true;
  }
  if (dropped) SetLogged();
  return absl::OkStatus();
}

void MariadbLogTables::SetLogged() {
  BinlogTables logged;
  logged.database = database_;
  logged.charsets = charsets_;
  for (const auto& [name, table] : tables_) {
    if (table.id != 0) logged.tables.emplace(name, BinlogTable{table.id, table.table});
  }
  staging_.SetTables(std::move(logged));
}

}  // namespace mirror
