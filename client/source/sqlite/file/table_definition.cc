#include "client/source/sqlite/file/table_definition.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// In the order in which the objects were made: a table that was made anew stands behind its log.
constexpr char kObjects[] = "SELECT type, name, tbl_name, sql FROM main.sqlite_schema";
constexpr char kInOrder[] = " ORDER BY rowid";

/// Their root pages are not told: auto_vacuum moves those of tables that stay what they are.
void Append(const sqlite::Statement& object, TableDefinition* definition) {
  for (const int column : {0, 1, 3}) {
    const std::string text = object.Text(column);
    absl::StrAppend(definition, text.size(), ":", text);
  }
}

}  // namespace

absl::StatusOr<std::map<std::string, TableDefinition>> ReadDefinitions(
    const SqliteFile& file, const std::function<std::string(const std::string&)>& log_of) {
  std::map<std::string, TableDefinition> definitions;
  std::map<std::string, std::string> table_of;  // By name of the log.
  sqlite::Statement objects = file.Query(absl::StrCat(kObjects, kInOrder));
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, objects.Step());
    if (!row) return definitions;
    const std::string table = FoldName(objects.Text(2));
    if (const auto logged = table_of.find(table); logged != table_of.end()) {
      Append(objects, &definitions[logged->second]);
    }
    const auto [definition, fresh] = definitions.try_emplace(table);
    if (fresh) {
      if (const std::string log = log_of(table); !log.empty()) table_of[log] = table;
    }
    Append(objects, &definition->second);
  }
}

DefinitionWatch::DefinitionWatch(std::string table, std::string log, TableDefinition definition,
                                 std::int64_t version, bool hidden_order)
    : table_(std::move(table)),
      log_(std::move(log)),
      definition_(std::move(definition)),
      version_(version),
      hidden_order_(hidden_order) {}

absl::Status DefinitionWatch::Check(const SqliteFile& file) {
  ASSIGN_OR_RETURN(const std::int64_t version, file.Number("PRAGMA schema_version"));
  const bool looked = std::exchange(looked_, true);
  if (version == version_) return absl::OkStatus();
  if (looked && hidden_order_) {
    return absl::AbortedError("the schema changed meanwhile, and a VACUUM would move its rows");
  }
  sqlite::Statement objects =
      file.Query(absl::StrCat(kObjects, " WHERE tbl_name = ?1 COLLATE NOCASE OR tbl_name = ?2", kInOrder));
  objects.With(table_, log_);
  TableDefinition now;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, objects.Step());
    if (!row) break;
    Append(objects, &now);
  }
  if (now != definition_) return absl::AbortedError("its schema changed meanwhile");
  version_ = version;
  return absl::OkStatus();
}

}  // namespace mirror
