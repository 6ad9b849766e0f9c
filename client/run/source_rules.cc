#include "client/run/source_rules.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/table_choice.h"
#include "client/state/run_state.h"

namespace mirror {

absl::StatusOr<std::optional<TenantHashKey>> HashKeyOf(const SourceConfig& source) {
  const bool needed = std::any_of(source.tables.begin(), source.tables.end(),
                                  [](const TableConfig& table) { return !table.steps.hash.empty(); });
  if (!needed) return std::optional<TenantHashKey>();
  ASSIGN_OR_RETURN(const std::string secret, ReadHashSecret(source.hash_key));
  return std::optional<TenantHashKey>(std::in_place, secret, source.context_id);
}

SourceConfig WithLastTables(SourceConfig source, const TableNotes& notes) {
  source.announced = notes.Names();
  return source;
}

TableChoice ChoiceOf(const SourceConfig& source) {
  return {.include = source.include,
          .skip = source.skip,
          .blocked = source.blocked,
          .exchange = source.accept.any(),
          .announced = {source.announced.begin(), source.announced.end()},
          .keeps_twins = source.keeps_twins};
}

std::string RejectsOf(const SourceConfig& source, const std::string& state_dir) {
  return !source.rejects.empty() ? source.rejects
                                 : absl::StrCat(state_dir, "/", source.context_id, ".rejects");
}

const std::string& SentName(const TableConfig& table) {
  return table.steps.as.empty() ? table.name : table.steps.as;
}

std::string FeedName(const TableConfig& table) {
  return table.deletes_from->file.empty() ? table.deletes_from->table : absl::StrCat(table.name, ".deletes");
}

std::optional<CaptureRules> RulesOf(const SourceConfig& source) {
  CaptureRules rules;
  rules.others = !IsLogged(source.strategy);
  for (const TableConfig& table : source.tables) {
    const Strategy strategy = StrategyOf(source, table);
    if (IsLogged(strategy)) {
      rules.logged.insert(FoldName(SentName(table)));
      continue;
    }
    CaptureRule& rule = rules.tables[FoldName(SentName(table))];
    rule.how = strategy;
    rule.column = table.steps.SentColumn(table.watermark);
    rule.by_column = table.column_hashes;
    if (table.deletes_from) {
      rule.deletes_from = {FeedName(table), table.deletes_from->key, table.deletes_from->watermark};
    }
    rule.filtered = !table.steps.where.empty();
    rule.precision = table.precision;
    rule.window_ms = table.window_ms;
    rule.time = table.time;
  }
  if (!rules.others && rules.tables.empty()) return std::nullopt;
  return rules;
}

std::optional<CaptureRules> RulesOf(const SourceConfig& source, const std::set<std::string>& unlogged) {
  std::optional<CaptureRules> rules = RulesOf(source);
  for (const std::string& name : unlogged) {
    const auto own = std::find_if(source.tables.begin(), source.tables.end(),
                                  [&name](const TableConfig& table) { return SameName(table.name, name); });
    const bool has_own = own != source.tables.end();
    const std::string sent = FoldName(has_own ? SentName(*own) : name);
    if ((has_own ? StrategyOf(source, *own) : source.strategy) != Strategy::kCdc) continue;
    if (!rules) {
      rules.emplace();
      rules->others = false;
    }
    rules->logged.erase(sent);
    CaptureRule& rule = rules->tables[sent];
    rule.filtered = has_own && !own->steps.where.empty();
    rule.by_column = has_own && own->column_hashes;
  }
  return rules;
}

std::map<std::string, std::string> KeepToBeLogged(const SourceConfig& source,
                                                  std::map<std::string, std::string> tables) {
  std::vector<std::string> all;
  for (const auto& [name, why] : tables) all.push_back(name);
  const ChosenTables chosen =
      ChooseTables({.include = source.include, .skip = source.skip, .blocked = source.blocked}, all);
  std::erase_if(tables, [&source, &chosen](const auto& table) {
    const std::string& name = table.first;
    if (std::find(chosen.names.begin(), chosen.names.end(), name) == chosen.names.end()) return true;
    const auto own = std::find_if(source.tables.begin(), source.tables.end(),
                                  [&name](const TableConfig& one) { return SameName(one.name, name); });
    return (own == source.tables.end() ? source.strategy : StrategyOf(source, *own)) != Strategy::kCdc;
  });
  return tables;
}

bool Captures(const SourceConfig& source, const CaptureRules& rules, const std::string& table) {
  for (const TableConfig& own : source.tables) {
    if (SameName(own.name, table)) return rules.Find(SentName(own)) != nullptr;
  }
  return rules.Find(table) != nullptr;
}

ExchangeRules RulesOfExchange(const SourceConfig& source) {
  ExchangeRules rules;
  rules.inserts = source.accept.inserts;
  rules.updates = source.accept.updates;
  rules.deletes = source.accept.deletes;
  rules.tables = source.accept.tables;
  rules.columns = source.accept.columns;
  for (const TableConfig& table : source.tables) {
    if (table.steps.any()) rules.steps.push_back(table.steps);
    if (!table.key.empty()) rules.keys[FoldName(table.name)] = table.key;
  }
  return rules;
}

PostgresAccess PostgresAccessOf(const SourceConfig& source) {
  PostgresAccess access;
  access.dsn = source.server.dsn;
  access.password_file = source.server.password_file;
  return access;
}

MariadbAccess MariadbAccessOf(const SourceConfig& source) {
  MariadbAccess access;
  access.dsn = source.server.dsn;
  access.password_file = source.server.password_file;
  return access;
}

OdbcAccess OdbcAccessOf(const SourceConfig& source) {
  OdbcAccess access;
  access.dsn = source.server.dsn;
  access.password_file = source.server.password_file;
  access.dialect = OdbcDialectNamed(source.server.dialect);
  access.schema = source.server.schema;
  return access;
}

ChangeLogOptions LogOptionsOf(const SourceConfig& source) {
  return {source.path, HostId(), source.retention_ms, source.max_log};
}

ChangeLogOptions OwnLogOptionsOf(const SourceConfig& source, const std::string& state_dir,
                                 const std::string& source_id) {
  ChangeLogOptions options = LogOptionsOf(source);
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::weakly_canonical(state_dir, error);
  options.exchange = source.accept.any();
  options.owner = {source.context_id, error ? state_dir : folder.string(), options.host, source_id};
  return options;
}

LogOwner LogOwnerOf(const SourceConfig& source, const std::string& state_dir) {
  const absl::StatusOr<RunState> state = RunState::Load(state_dir, source.context_id);
  return OwnLogOptionsOf(source, state_dir, state.ok() ? state->source_id() : "").owner;
}

}  // namespace mirror
