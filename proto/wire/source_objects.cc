#include "proto/wire/source_objects.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

absl::Status Wrong(const TableSchema& table, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("table '", table.name, "': ", what));
}

absl::Status CheckCount(const TableSchema& table, std::size_t count, const char* of) {
  if (count <= kSourceObjectsMax) return absl::OkStatus();
  return Wrong(table, absl::StrCat(count, " ", of, " are announced; the limit is ", kSourceObjectsMax));
}

absl::Status CheckColumns(const TableSchema& table, const std::vector<std::string>& columns,
                          const std::string& of) {
  if (columns.empty() || columns.size() > kObjectColumnsMax) {
    return Wrong(table, absl::StrCat(of, " has ", columns.size(), " columns; 1 to ", kObjectColumnsMax,
                                     " are allowed"));
  }
  std::set<std::string> met;
  for (const std::string& column : columns) {
    RETURN_IF_ERROR(CheckName(column, absl::StrCat(of, " of table '", table.name, "'")));
    if (!table.Find(column)) {
      return Wrong(table, absl::StrCat(of, " is over '", column, "', which is not one of its columns"));
    }
    if (!met.insert(FoldName(column)).second) {
      return Wrong(table, absl::StrCat(of, " has the column '", column, "' twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckForeignKey(const SourceForeignKey& key, const TableSchema& table) {
  constexpr char kOf[] = "a foreign key";
  RETURN_IF_ERROR(CheckColumns(table, key.columns, kOf));
  const std::string what = absl::StrCat("a foreign key of table '", table.name, "'");
  RETURN_IF_ERROR(CheckName(key.table, what));
  if (!key.table_columns.empty() && key.table_columns.size() != key.columns.size()) {
    return Wrong(table, absl::StrCat(kOf, " has ", key.columns.size(), " columns and points at ",
                                     key.table_columns.size()));
  }
  for (const std::string& column : key.table_columns) {
    RETURN_IF_ERROR(CheckName(column, what));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckObjects(const SourceObjects& objects, const TableSchema& table) {
  absl::Status status = CheckCount(table, objects.indexes.size(), "indexes");
  status.Update(CheckCount(table, objects.foreign_keys.size(), "foreign keys"));
  status.Update(CheckCount(table, objects.untold.size(), "untold indexes"));
  if (!status.ok()) return status;
  std::set<std::string> names;
  const auto check_name = [&](const std::string& name) {
    absl::Status named = CheckName(name, absl::StrCat("an index of table '", table.name, "'"));
    if (!named.ok() || names.insert(FoldName(name)).second) return named;
    return Wrong(table, absl::StrCat("two indexes are called '", name, "'"));
  };
  for (const SourceIndex& index : objects.indexes) {
    RETURN_IF_ERROR(check_name(index.name));
    std::vector<std::string> columns;
    for (const IndexColumn& column : index.columns) columns.push_back(column.name);
    RETURN_IF_ERROR(CheckColumns(table, columns, absl::StrCat("the index '", index.name, "'")));
  }
  for (const UntoldIndex& index : objects.untold) {
    RETURN_IF_ERROR(check_name(index.name));
  }
  for (const SourceForeignKey& key : objects.foreign_keys) {
    RETURN_IF_ERROR(CheckForeignKey(key, table));
  }
  return absl::OkStatus();
}

std::size_t EntriesOf(const SourceObjects& objects) {
  std::size_t entries = 1 + objects.indexes.size() + objects.untold.size() + objects.foreign_keys.size();
  for (const SourceIndex& index : objects.indexes) entries += index.columns.size();
  for (const SourceForeignKey& key : objects.foreign_keys) {
    entries += key.columns.size() + key.table_columns.size();
  }
  return entries;
}

}  // namespace mirror
