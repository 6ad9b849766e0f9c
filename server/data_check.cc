#include "server/data_check.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "certs/keyed_hash.h"
#include "proto/wire/table.h"
#include "server/plan/column_rules.h"
#include "server/plan/schema_plan.h"
#include "server/store/dropped_columns.h"
#include "server/store/sqlite/sqlite_snapshot.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {
namespace {

/// Returns columns that are kept as sent and now get a rule.
std::vector<std::string> NewlyRuled(const TableSchema& agreed, const TableSchema& by_now) {
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < agreed.columns.size(); ++i) {
    const bool stands = agreed.columns[i].rule == Rule::kPlain;
    if (stands && by_now.columns[i].rule != Rule::kPlain) columns.push_back(agreed.columns[i].name);
  }
  return columns;
}

absl::Status CountEmptied(Snapshot& mirror, const ColumnRules& rules, const std::string& context_id,
                          const std::string& table, std::vector<std::string>* words) {
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, mirror.ReadSchema(table));
  if (!agreed) return absl::OkStatus();
  TableSchema by_now = *agreed;
  if (const absl::Status set = rules.Set(&by_now); !set.ok()) {
    words->push_back(absl::StrCat("tenant '", context_id, "': ", std::string(set.message())));
    return absl::OkStatus();
  }
  const std::vector<std::string> columns = NewlyRuled(*agreed, by_now);
  if (columns.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::uint64_t values, CountValues(mirror, table, columns, [] { return true; }));
  words->push_back(absl::StrCat("tenant '", context_id, "': table '", table, "': the next cycle empties ",
                                ListNames(columns), ": ", Counted(values, "value")));
  return absl::OkStatus();
}

/// Like CountEmptied(), but adds to `words` why the next cycle refuses the table.
absl::Status CheckKeptKey(Snapshot& mirror, const ColumnRules& rules, const std::string& context_id,
                          const std::string& table, std::vector<std::string>* words) {
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, mirror.ReadSchema(table));
  if (!agreed || !KeepsPartner(*agreed)) return absl::OkStatus();
  TableSchema by_now = *agreed;
  // Other faults of a rule are reported when the source announces the table.
  if (!rules.Set(&by_now).ok() || PlanRefit(*agreed, by_now).refusal.empty()) return absl::OkStatus();
  words->push_back(absl::StrCat(
      "tenant '", context_id, "', table '", table,
      "': the column rules give a column of its key another form than in the mirror, and the mirror keeps "
      "rows of this table that no population sends again (preserve_target, or deletes IGNORE or MARK). The "
      "next cycle would refuse the table. Give the key the rule that it had before, or 'plain' if it had "
      "none. Or drop those rows: while the server runs with the former rules, type 'mirrorctl pause ",
      context_id, "' and 'mirrorctl reset ", context_id, " --table ", table,
      "'. Then change the rules, restart the server and type 'mirrorctl resume ", context_id, "'"));
  return absl::OkStatus();
}

using CheckOne =
    std::function<absl::Status(Snapshot& mirror, const ColumnRules& rules, const std::string& context_id,
                               const std::string& table, std::vector<std::string>* words)>;

absl::Status CheckMirror(const std::string& path, const std::string& context_id, const ColumnRules& rules,
                         const CheckOne& check, std::vector<std::string>* words) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> mirror, OpenSqliteSnapshot(path, context_id));
  ASSIGN_OR_RETURN(const std::vector<TableRecord> records, mirror->ReadTables());
  for (const TableRecord& record : records) {
    RETURN_IF_ERROR(check(*mirror, rules, context_id, record.table, words));
  }
  return absl::OkStatus();
}

/// Checks every mirror that is a file. `all`: also those of tenants without a rule.
/// `tells_unread`: a mirror that cannot be read gives a sentence.
absl::StatusOr<std::vector<std::string>> CheckMirrors(const ServerConfig& config, bool all,
                                                      const CheckOne& check, bool tells_unread) {
  std::optional<std::string> secret;
  if (!config.columns.hash_key.empty()) {
    absl::StatusOr<std::string> read = ReadHashSecret(config.columns.hash_key);
    if (!read.ok()) return absl::FailedPreconditionError(read.status().message());
    secret = *std::move(read);
  }
  std::vector<std::string> words;
  if (!std::filesystem::exists(config.data.dir)) return words;
  ASSIGN_OR_RETURN(const std::vector<std::string> tenants, FindSqliteStores(config.data.dir));
  for (const std::string& context_id : tenants) {
    const ColumnRules rules(config.columns, secret, context_id);
    if (!all && !rules.any()) continue;
    const std::string path = SqlitePath(config.data.dir, context_id);
    // A mirror in its first cycle has no such file yet.
    if (!std::filesystem::exists(path)) continue;
    const absl::Status read = CheckMirror(path, context_id, rules, check, &words);
    if (!read.ok() && tells_unread) {
      words.push_back(
          absl::StrCat("tenant '", context_id, "' cannot be read: ", std::string(read.message())));
    }
  }
  return words;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CheckData(const ServerConfig& config) {
  if (config.data.store != StoreKind::kSqlite) {
    return absl::UnimplementedError("--data reads only mirrors that are files, but these are in PostgreSQL");
  }
  return CheckMirrors(config, /*all=*/true, CountEmptied, /*tells_unread=*/true);
}

absl::StatusOr<std::vector<std::string>> FindRefusedKeys(const ServerConfig& config, bool all) {
  if (config.data.store != StoreKind::kSqlite) return std::vector<std::string>();
  return CheckMirrors(config, all, CheckKeptKey, /*tells_unread=*/false);
}

absl::Status CheckDataFolder(const ServerConfig& config) {
  std::error_code error;
  const std::filesystem::file_status found = std::filesystem::status(config.data.dir, error);
  if (!std::filesystem::exists(found) || std::filesystem::is_directory(found)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(config.file, ": [data] 'dir' is '", config.data.dir,
                   "', which is not a folder. Nothing was started. Name a folder, or a path where one can be "
                   "made."));
}

}  // namespace mirror
