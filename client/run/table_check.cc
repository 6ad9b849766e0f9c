#include "client/run/table_check.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& other) { return SameName(other, name); });
}

bool IsBlocked(const SourceConfig& source, const std::string& name) {
  return std::any_of(source.blocked.begin(), source.blocked.end(),
                     [&](const auto& blocked) { return MatchesPattern(name, blocked.first); });
}

}  // namespace

absl::StatusOr<std::vector<IdleTable>> FindIdleTables(const SourceConfig& source,
                                                      const std::vector<std::string>& sent) {
  std::vector<IdleTable> idle;
  std::vector<std::string> names;
  for (const TableConfig& table : source.tables) {
    if (Has(sent, SentName(table)) || IsBlocked(source, table.name)) continue;
    idle.push_back({&table, IdleTable::Why::kMissing, ""});
    names.push_back(table.name);
  }
  if (idle.empty()) return idle;
  const std::unique_ptr<SourceReader> whole = OpenWholeSource(source, {});
  if (whole == nullptr) return std::vector<IdleTable>();
  const absl::StatusOr<std::vector<std::string>> tables = whole->TableNames(),
                                                 with_views = OpenWholeSource(source, names)->TableNames();
  if (!tables.ok()) return tables.status();
  if (!with_views.ok()) return with_views.status();
  const KindTraits& traits = TraitsOf(source.kind);
  for (IdleTable& one : idle) {
    const std::string head = absl::StrCat("[[source.table]] '", one.table->name, "', line ", one.table->line);
    if (Has(*tables, one.table->name) || !one.table->key.empty()) {
      one.why = Has(*with_views, one.table->name) ? IdleTable::Why::kLeftOut : IdleTable::Why::kMissing;
    } else if (Has(*with_views, one.table->name)) {
      one.why = IdleTable::Why::kViewWithoutKey;
    }
    switch (one.why) {
      case IdleTable::Why::kMissing:
        one.words = absl::StrCat(
            head, ": the source has no such table",
            traits.reads_views ? " or view" : absl::StrCat(", and views of ", traits.called, " are not read"),
            ". Correct its 'name', or remove the [[source.table]]");
        break;
      case IdleTable::Why::kViewWithoutKey:
        one.words = absl::StrCat(
            head,
            ": it is a view, and views are sent only with a 'key': name the columns that identify a row");
        break;
      case IdleTable::Why::kLeftOut:
        one.words = absl::StrCat(head, ": the table is not sent, since 'include' and 'skip' leave it out");
        break;
    }
  }
  return idle;
}

std::vector<std::string> TablesToLog(const SourceConfig& source) {
  std::vector<std::string> tables;
  for (const TableConfig& table : source.tables) {
    if (table.strategy == Strategy::kCdc) tables.push_back(SentName(table));
  }
  return tables;
}

}  // namespace mirror
