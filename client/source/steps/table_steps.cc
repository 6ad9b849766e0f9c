#include "client/source/steps/table_steps.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/folded_name.h"
#include "proto/wire/row_digest.h"

namespace mirror {
namespace {

bool Holds(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& other) { return SameName(other, name); });
}

template <typename Value>
const Value* FindIn(const std::map<std::string, Value>& map, std::string_view name) {
  for (const auto& [key, value] : map) {
    if (SameName(key, name)) return &value;
  }
  return nullptr;
}

/// Returns every column that the configuration names, with the key that names it.
std::vector<std::pair<const char*, std::string>> Named(const TableSteps& steps) {
  std::vector<std::pair<const char*, std::string>> named;
  for (const std::string& name : steps.columns) named.emplace_back("columns", name);
  for (const auto& [name, to] : steps.rename) named.emplace_back("rename", name);
  for (const std::string& name : steps.hash) named.emplace_back("hash", name);
  for (const auto& [name, keep] : steps.mask) named.emplace_back("mask", name);
  return named;
}

}  // namespace

TableSteps::Turn TableSteps::TurnOf(std::string_view column) const {
  if (Holds(hash, column)) return {Rule::kHashed, 0};
  const std::uint32_t* const keep = FindIn(mask, column);
  return keep == nullptr ? Turn{} : Turn{Rule::kMasked, *keep};
}

bool TableSteps::Sends(std::string_view column) const { return columns.empty() || Holds(columns, column); }

std::string TableSteps::SentColumn(const std::string& column) const {
  const std::string* const to = FindIn(rename, column);
  return to == nullptr ? column : *to;
}

std::optional<std::pair<std::string, std::string>> FindConflict(const TableSteps& steps,
                                                                const std::string& ruled) {
  for (const auto& [key, name] : Named(steps)) {
    if (!steps.Sends(name)) {
      return std::pair(key, absl::StrCat("names '", name, "', which is not among 'columns'"));
    }
  }
  for (const auto& [name, keep] : steps.mask) {
    if (Holds(steps.hash, name))
      return std::pair("mask", absl::StrCat("names '", name, "', which 'hash' also names: use one of them"));
  }
  if (ruled.empty()) return std::nullopt;
  if (!steps.Sends(ruled)) {
    return std::pair("columns",
                     absl::StrCat("must hold '", ruled, "', the 'watermark' by which changes are found"));
  }
  if (steps.TurnOf(ruled).rule != Rule::kPlain) {
    return std::pair(Holds(steps.hash, ruled) ? "hash" : "mask",
                     absl::StrCat("must not name '", ruled, "', the 'watermark' by which changes are found"));
  }
  return std::nullopt;
}

absl::Status WrongSteps(const TableSteps& steps, const std::string& what) {
  const std::size_t end = what.ends_with('.') ? what.size() - 1 : what.size();
  return absl::InvalidArgumentError(
      absl::StrCat(what.substr(0, end), ". Nothing of the table is sent until its [[source.table]]",
                   steps.line > 0 ? absl::StrCat(" in line ", steps.line) : "", " is corrected"));
}

absl::Status CheckSteps(const TableSchema& source, const TableSteps& steps) {
  const std::string table = absl::StrCat("table '", steps.table, "'");
  for (const auto& [key, name] : Named(steps)) {
    const std::optional<std::uint32_t> at = source.Find(name);
    if (!at)
      return WrongSteps(steps, absl::StrCat(table, " has no column '", name, "', which '", key, "' names"));
    if (source.columns[*at].key_position > 0 && steps.TurnOf(name).rule != Rule::kPlain) {
      return WrongSteps(steps, absl::StrCat(table, ": '", key, "' names '", name,
                                            "', which is in the key: rows could not be told apart"));
    }
  }
  for (const std::uint32_t part : source.Key()) {
    const std::string& name = source.columns[part].name;
    if (steps.Sends(name)) continue;
    return WrongSteps(steps, absl::StrCat(table, ": 'columns' lacks '", name,
                                          "', which is in the key: rows could not be told apart"));
  }
  if (absl::Status checked = CheckTable(SentForm(source, steps, nullptr)); !checked.ok())
    return WrongSteps(steps, std::string(checked.message()));
  return absl::OkStatus();
}

void TurnToText(Column* column) {
  column->type = Type::kText;
  column->length = column->precision = column->scale = 0;
  column->affinity = Affinity::kUnspecified;
  column->default_value.reset();
}

TableSchema SentForm(const TableSchema& source, const TableSteps& steps, std::vector<std::uint32_t>* origin) {
  TableSchema sent = source;
  if (!steps.as.empty()) sent.name = steps.as;
  sent.columns.clear();
  for (std::uint32_t i = 0; i < source.columns.size(); ++i) {
    const std::string& name = source.columns[i].name;
    if (!steps.Sends(name)) continue;
    Column& column = sent.columns.emplace_back(source.columns[i]);
    if (steps.TurnOf(name).rule != Rule::kPlain) TurnToText(&column);
    column.name = steps.SentColumn(name);
    if (origin != nullptr) origin->push_back(i);
  }
  return sent;
}

std::string FingerprintOf(const TableSteps& steps, const TenantHashKey* key) {
  if (!steps.ChangesRows()) return "";
  RowDigest digest;
  const auto add = [&digest](std::string_view what, const std::string& name, const std::string& detail) {
    digest.AddText(what);
    digest.AddText(name);
    digest.AddText(detail);
  };
  std::vector<std::string> columns = steps.columns, hash = steps.hash;
  for (auto* const names : {&columns, &hash}) {
    std::transform(names->begin(), names->end(), names->begin(), FoldName);
    std::sort(names->begin(), names->end());
  }
  for (const std::string& name : columns) add("columns", name, "");
  for (const auto& [name, to] : steps.rename) add("rename", FoldName(name), to);
  for (const std::string& name : hash)
    add("hash", name, absl::StrCat(key == nullptr ? 0 : key->fingerprint()));
  for (const auto& [name, keep] : steps.mask) add("mask", FoldName(name), absl::StrCat(keep));
  add("where", steps.where, "");
  return absl::StrFormat("%016x", digest.Finish());
}

}  // namespace mirror
