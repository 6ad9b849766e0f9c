#include "tools/mirrorctl/web/page_history.h"

#include <cstdint>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "tools/mirrorctl/admin/history_output.h"

namespace mirror {
namespace {

/// Parses a row or a key that the server sent; null if it cannot be read.
Json RowOf(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json() : json;
}

Json ValueText(const Json& value) {
  if (value.is_null()) return Json();
  return value.is_string() ? value : Json(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json NamesOf(const Json& row) {
  Json names = Json::array();
  for (const auto& [name, value] : row.items()) names.push_back(name);
  return names;
}

Json ValuesOf(const Json& row) {
  Json values = Json::array();
  for (const auto& [name, value] : row.items()) values.push_back(ValueText(value));
  return values;
}

/// Returns the numbers of the columns that differ. All rows of an answer have the same columns.
Json ChangedColumns(const Json& row, const Json& before) {
  Json changed = Json::array();
  std::size_t number = 0;
  auto old = before.begin();
  for (auto now = row.begin(); now != row.end() && old != before.end(); ++now, ++old, ++number) {
    if (now.value() != old.value()) changed.push_back(number);
  }
  return changed;
}

bool IsWholeNumber(const std::string& text) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(text, &number) && absl::StrCat(number) == text;
}

/// Returns a key in the form that users type: 17, or 'Ada', 3.
std::string TypedKey(const std::string& text) {
  std::string typed;
  for (const Json& value : RowOf(text)) {
    const bool quoted = value.is_string() && !IsWholeNumber(value.get_ref<const std::string&>());
    const std::string plain = value.is_string() ? value.get<std::string>() : value.dump();
    absl::StrAppend(&typed, typed.empty() ? "" : ", ",
                    quoted ? absl::StrCat("'", absl::StrReplaceAll(plain, {{"'", "''"}}), "'") : plain);
  }
  return typed;
}

}  // namespace

Json RowHistoryJson(const v1::ReadRowHistoryResponse& answer) {
  Json columns = Json::array(), versions = Json::array(), newer_row;
  for (int i = 0; i < answer.versions_size(); ++i) {
    const v1::ReadRowHistoryResponse::Version& version = answer.versions(i);
    const Json row = RowOf(version.row());
    if (columns.empty()) columns = NamesOf(row);
    // Changed columns are known only if the version directly before is in the answer.
    const bool goes_on = i > 0 && answer.versions(i - 1).from_moment() == version.to_moment();
    if (goes_on && !answer.versions(i - 1).is_insert())
      versions.back()["changed"] = ChangedColumns(newer_row, row);
    Json shown = ToJson(version);
    shown.erase("row");
    shown["deleted"] = version.to_moment() != 0 && !goes_on;
    shown["cells"] = ValuesOf(row);
    shown["changed"] = Json::array();
    versions.push_back(std::move(shown));
    newer_row = row;
  }
  return {{"table", answer.table()},
          {"known_from", answer.known_from()},
          {"complete", answer.complete()},
          {"columns", columns},
          {"versions", versions}};
}

void PageDiff::Add(const v1::RowDifference& row) {
  const std::set<std::string> different(row.columns().begin(), row.columns().end());
  const Json before = RowOf(row.before()), after = RowOf(row.after());
  const bool is_both = before.is_object() && after.is_object();
  const auto only = [&](const Json& all) {
    if (!is_both) return all;
    Json some = Json::object();
    for (const auto& [name, value] : all.items()) {
      if (different.contains(name)) some[name] = value;
    }
    return some;
  };
  const Json old = only(before), now = only(after);
  rows_.push_back({{"key", TypedKey(row.key())},
                   {"columns", NamesOf(old.is_object() ? old : now)},
                   {"before", old.is_object() ? ValuesOf(old) : Json()},
                   {"after", now.is_object() ? ValuesOf(now) : Json()}});
}

bool PageDiff::Take(const v1::DiffPart& part) {
  if (part.has_header()) header_ = part.header();
  if (part.has_end()) ended_ = true;
  if (!part.has_row()) return true;
  more_ = rows_.size() >= kDifferencesMax || bytes_ >= kDifferenceBytesMax;
  if (more_) return false;
  bytes_ += part.row().ByteSizeLong();
  Add(part.row());
  return true;
}

Json PageDiff::ToJson(const std::string& context_id) const {
  Json key_columns = Json::array();
  for (const std::string& column : header_.key_columns()) key_columns.push_back(column);
  const std::string command =
      absl::StrCat("mirrorctl diff ", ShellWord(context_id), " ", ShellWord(header_.table()),
                   " --from m:", header_.from().moment(), " --to m:", header_.to().moment());
  return {{"table", header_.table()},
          {"key_columns", key_columns},
          {"from", mirror::ToJson(header_.from())},
          {"to", mirror::ToJson(header_.to())},
          {"command", command},
          {"more", more_},
          {"rows", rows_}};
}

absl::StatusOr<Json> ShowRowHistory(AdminClient& admin, const v1::RowOfTable& row) {
  ASSIGN_OR_RETURN(const v1::ReadRowHistoryResponse answer, HistoryClient(admin).Versions(row));
  return RowHistoryJson(answer);
}

absl::StatusOr<Json> ShowTableDiff(AdminClient& admin, const v1::DiffTableRequest& asked,
                                   const Interruption& interruption) {
  PageDiff diff;
  const absl::Status read = HistoryClient(admin).Diff(
      asked, kDiffPatience, interruption, [&](const v1::DiffPart& part) { return diff.Take(part); });
  if (absl::IsDeadlineExceeded(read)) {
    return absl::DeadlineExceededError(absl::StrCat(
        "the comparison was stopped after ", kDiffPatience.count(),
        " seconds. Nothing was changed. Use moments that are closer together, or 'mirrorctl diff', which "
        "takes as long as it needs."));
  }
  if (!read.ok()) return read;
  if (!diff.is_whole())
    return absl::UnavailableError("the server's answer broke off. Nothing was changed. Ask again.");
  return diff.ToJson(asked.context_id());
}

}  // namespace mirror
