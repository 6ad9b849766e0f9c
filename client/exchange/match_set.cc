#include "client/exchange/match_set.h"

#include <xxhash.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

std::vector<std::string> NamesOf(const MemberTable& table, const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> names;
  for (const std::uint32_t column : columns) {
    names.push_back(QuoteName(table.plan.schema.columns[column].name));
  }
  return names;
}

RowOf Values(const sqlite::Statement& row, std::size_t first, std::size_t count) {
  RowOf values;
  for (std::size_t i = first; i < first + count; ++i) values.push_back(row.ValueAt(static_cast<int>(i)));
  return values;
}

}  // namespace

std::optional<std::vector<std::string>> MatchRule::Normalised(const RowOf& row, std::size_t first) const {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    values.push_back(NormaliseValue(normalise[i], ToLiteral(row[first + i])));
    if (values.back().empty()) return std::nullopt;
  }
  return values;
}

absl::StatusOr<MatchSet> MatchSet::Make(const SqliteFile& file, const MemberTable& table,
                                        const MatchRule& rule) {
  MatchSet set(file, table, rule);
  // Before the scan: CatchUp() reads rows written meanwhile again.
  ASSIGN_OR_RETURN(set.seen_,
                   file.Number(absl::StrCat("SELECT coalesce(max(seq), 0) FROM main.", LogName(table.log))));
  RETURN_IF_ERROR(set.Scan());
  return set;
}

MatchSet::Hash MatchSet::HashOf(const std::vector<std::string>& values) {
  std::string joined;
  for (const std::string& value : values) absl::StrAppend(&joined, value.size(), ":", value);
  const XXH128_hash_t hash = XXH3_128bits(joined.data(), joined.size());
  return {hash.high64, hash.low64};
}

absl::Status MatchSet::Scan() {
  ASSIGN_OR_RETURN(sqlite::Statement rows,
                   file_->Prepare(absl::StrCat("SELECT ", absl::StrJoin(NamesOf(table_, rule_.columns), ", "),
                                               " FROM main.", QuoteName(table_.name()))));
  rows.SetDoing(absl::StrCat("reading table '", table_.name(), "'"));
  absl::StatusOr<bool> row = rows.Step();
  for (; row.ok() && *row; row = rows.Step()) {
    if (const auto values = rule_.Normalised(Values(rows, 0, rule_.columns.size()))) {
      scanned_.push_back(HashOf(*values));
    }
  }
  std::sort(scanned_.begin(), scanned_.end());
  return row.status();
}

absl::Status MatchSet::CatchUp() {
  const std::string log = LogName(table_.log);
  ASSIGN_OR_RETURN(const std::int64_t last,
                   file_->Number(absl::StrCat("SELECT coalesce(max(seq), 0) FROM main.", log)));
  if (last == seen_) return absl::OkStatus();
  sqlite::Statement keys = file_->Query(
      absl::StrCat("SELECT DISTINCT ", KeyNames(table_.key.size()), " FROM main.", log, " WHERE seq > ?1"));
  keys.With(seen_);
  absl::StatusOr<bool> key = keys.Step();
  for (; key.ok() && *key; key = keys.Step()) {
    ASSIGN_OR_RETURN(const std::optional<RowOf> row,
                     ReadRow(*file_, table_, Values(keys, 0, table_.key.size()), rule_.columns));
    const auto values = row ? rule_.Normalised(*row) : std::nullopt;
    if (!values) continue;
    const Hash hash = HashOf(*values);
    gone_.erase(hash);
    if (!std::binary_search(scanned_.begin(), scanned_.end(), hash)) added_.insert(hash);
  }
  if (!key.ok()) return key.status();
  seen_ = last;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RowOf>> MatchSet::Find(const std::vector<std::string>& values) {
  const Hash hash = HashOf(values);
  const bool known = std::binary_search(scanned_.begin(), scanned_.end(), hash) || added_.contains(hash);
  if (!known || gone_.contains(hash)) return std::optional<RowOf>();
  absl::StatusOr<std::optional<RowOf>> found = LookFor(values);
  if (found.ok() && !*found) gone_.insert(hash);
  return found;
}

absl::StatusOr<std::optional<RowOf>> MatchSet::LookFor(const std::vector<std::string>& values) const {
  const std::vector<std::string> names = NamesOf(table_, table_.KeyAnd(rule_.columns));
  ASSIGN_OR_RETURN(sqlite::Statement rows,
                   file_->Prepare(absl::StrCat("SELECT ", absl::StrJoin(names, ", "), " FROM main.",
                                               QuoteName(table_.name()))));
  rows.SetDoing(absl::StrCat("reading table '", table_.name(), "'"));
  absl::StatusOr<bool> row = rows.Step();
  for (; row.ok() && *row; row = rows.Step()) {
    if (rule_.Normalised(Values(rows, table_.key.size(), rule_.columns.size())) == values) {
      return std::optional<RowOf>(Values(rows, 0, table_.key.size()));
    }
  }
  if (!row.ok()) return row.status();
  return std::optional<RowOf>();
}

}  // namespace mirror
