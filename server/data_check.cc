#include "server/data_check.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "certs/keyed_hash.h"
#include "proto/wire/table.h"
#include "server/consequences/dropped_columns.h"
#include "server/plan/column_rules.h"
#include "server/store/sqlite/sqlite_snapshot.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {
namespace {

/// Columns that stand as they were sent and are not to.
std::vector<std::string> NewlyRuled(const TableSchema& agreed, const TableSchema& by_now) {
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < agreed.columns.size(); ++i) {
    const bool stands = agreed.columns[i].rule == Rule::kPlain;
    if (stands && by_now.columns[i].rule != Rule::kPlain) columns.push_back(agreed.columns[i].name);
  }
  return columns;
}

absl::Status CheckTable(Snapshot& mirror, const ColumnRules& rules, const std::string& context_id,
                        const std::string& table, std::vector<std::string>* words) {
  const absl::StatusOr<std::optional<TableSchema>> agreed = mirror.ReadSchema(table);
  if (!agreed.ok()) return agreed.status();
  if (!*agreed) return absl::OkStatus();
  TableSchema by_now = **agreed;
  if (const absl::Status set = rules.Set(&by_now); !set.ok()) {
    words->push_back(absl::StrCat("tenant '", context_id, "': ", std::string(set.message())));
    return absl::OkStatus();
  }
  const std::vector<std::string> columns = NewlyRuled(**agreed, by_now);
  if (columns.empty()) return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> values = CountValues(mirror, table, columns, [] { return true; });
  if (!values.ok()) return values.status();
  words->push_back(absl::StrCat("tenant '", context_id, "': table '", table, "': the next cycle empties ",
                                ListNames(columns), ": ", Counted(*values, "value")));
  return absl::OkStatus();
}

absl::Status CheckMirror(const std::string& path, const std::string& context_id, const ColumnRules& rules,
                         std::vector<std::string>* words) {
  const absl::StatusOr<std::unique_ptr<Snapshot>> mirror = OpenSqliteSnapshot(path, context_id);
  if (!mirror.ok()) return mirror.status();
  const absl::StatusOr<std::vector<TableRecord>> records = (*mirror)->ReadTables();
  if (!records.ok()) return records.status();
  for (const TableRecord& record : *records) {
    absl::Status checked = CheckTable(**mirror, rules, context_id, record.table, words);
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CheckData(const ServerConfig& config) {
  if (config.data.store != StoreKind::kSqlite) {
    return absl::UnimplementedError("--data reads mirrors that are files, and these are in PostgreSQL");
  }
  std::optional<std::string> secret;
  if (!config.columns.hash_key.empty()) {
    absl::StatusOr<std::string> read = ReadHashSecret(config.columns.hash_key);
    if (!read.ok()) return absl::FailedPreconditionError(read.status().message());
    secret = *std::move(read);
  }
  std::vector<std::string> words;
  if (!std::filesystem::exists(config.data.dir)) return words;
  const absl::StatusOr<std::vector<std::string>> tenants = FindSqliteStores(config.data.dir);
  if (!tenants.ok()) return tenants.status();
  for (const std::string& context_id : *tenants) {
    const std::string path = SqlitePath(config.data.dir, context_id);
    // One whose first cycle is under way has no such file yet.
    if (!std::filesystem::exists(path)) continue;
    const ColumnRules rules(config.columns, secret, context_id);
    if (const absl::Status read = CheckMirror(path, context_id, rules, &words); !read.ok()) {
      words.push_back(
          absl::StrCat("tenant '", context_id, "' cannot be read: ", std::string(read.message())));
    }
  }
  return words;
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
