#include "tools/mirrorctl/admin/history_output.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/human_text.h"

namespace mirror {
namespace {

/// Greatest number of keys that are shown for one entry.
constexpr int kKeysShown = 3;

std::string KeysText(const v1::Change& change) {
  if (!change.keys_known()) return "";
  std::string text;
  for (int i = 0; i < change.keys_size() && i < kKeysShown; ++i) {
    absl::StrAppend(&text, i > 0 ? " " : "", change.keys(i));
  }
  if (change.keys_size() > kKeysShown)
    absl::StrAppend(&text, " and ", change.keys_size() - kKeysShown, " more");
  return text;
}

/// Returns the time that selects this moment, with milliseconds: the source's time if it is known, else the
/// server's.
std::string WhenText(const v1::Change& change) {
  if (!change.committed()) return "not committed";
  const std::int64_t at_ms = change.source_ms() != 0 ? change.source_ms() : change.done_ms();
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(at_ms), absl::UTCTimeZone());
}

std::string NumberText(std::int64_t number, bool is_known) { return is_known ? absl::StrCat(number) : ""; }

/// Returns the commit that began or ended a version.
std::string MomentText(std::int64_t moment, bool has_commit, const v1::Change& commit) {
  if (moment == 0) return "";
  return has_commit ? absl::StrCat("m:", moment, " ", WhenText(commit)) : absl::StrCat("m:", moment);
}

}  // namespace

TextTable ChangeTable(std::size_t width) {
  return TextTable({{.name = "number", .number = true},
                    {.name = "time", .goes = 4, .whole = true},
                    {.name = "table", .whole = true},
                    {.name = "operation", .whole = true},
                    {.name = "rows", .number = true, .goes = 5},
                    {.name = "lsn", .number = true, .goes = 3},
                    {.name = "cycle", .number = true, .goes = 1},
                    {.name = "origin", .goes = 2},
                    {"keys"}},
                   width);
}

void AddChange(TextTable& table, const v1::Change& change) {
  table.Add({absl::StrCat(change.number()), WhenText(change), change.table(), change.operation(),
             change.rows() == 0 ? "" : Grouped(change.rows()), NumberText(change.lsn(), change.committed()),
             NumberText(change.cycle(), change.cycle() != 0), change.origin(), KeysText(change)});
}

void PrintExplained(std::ostream& out, const v1::ExplainRowResponse& row, std::size_t width) {
  TextTable table({{.name = "column", .whole = true},
                   {.name = "operation", .whole = true},
                   {.name = "time", .uncut = true},
                   {.name = "moment", .goes = 5, .uncut = true},
                   {.name = "lsn", .number = true, .goes = 4},
                   {.name = "cycle", .number = true, .goes = 3},
                   {.name = "receipt", .number = true, .goes = 2},
                   {.name = "origin", .goes = 1},
                   {"before"}},
                  width);
  for (const v1::ExplainRowResponse::Column& column : row.columns()) {
    const v1::Change& writer = column.writer();
    if (!column.has_writer()) {
      table.Add({column.name(), "older", "", "", "", "", "", "", ""});
      continue;
    }
    table.Add({column.name(), writer.operation(), WhenText(writer), absl::StrCat("m:", writer.moment()),
               NumberText(writer.lsn(), writer.committed()), NumberText(writer.cycle(), writer.cycle() != 0),
               NumberText(static_cast<std::int64_t>(writer.receipt()), writer.receipt() != 0),
               writer.origin(), column.before()});
  }
  table.Print(out);
}

void PrintVersions(std::ostream& out, const v1::ReadRowHistoryResponse& row, std::size_t width) {
  TextTable table({{.name = "from", .uncut = true}, {.name = "to", .uncut = true}, {.name = "by"}, {"row"}},
                  width);
  for (const v1::ReadRowHistoryResponse::Version& version : row.versions()) {
    const std::string by = version.from_moment() == 0 ? "" : version.is_insert() ? "INSERT" : "UPDATE";
    table.Add({MomentText(version.from_moment(), version.has_made_by(), version.made_by()),
               MomentText(version.to_moment(), version.has_ended_by(), version.ended_by()), by,
               version.row()});
  }
  table.Print(out);
}

TextTable DifferenceTable(std::size_t width) {
  return TextTable({{.name = "key", .uncut = true}, {.name = "column", .whole = true}, {"change"}}, width);
}

void AddDifference(TextTable& table, const v1::RowDifference& row) {
  if (row.before().empty()) return table.Add({row.key(), "", absl::StrCat("inserted: ", row.after())});
  if (row.after().empty()) return table.Add({row.key(), "", absl::StrCat("deleted: ", row.before())});
  const Json before = ParsedJson(row.before()), after = ParsedJson(row.after());
  if (!before.is_object() || !after.is_object())
    return table.Add({row.key(), "", absl::StrCat(row.before(), " -> ", row.after())});
  for (const std::string& column : row.columns()) {
    table.Add(
        {row.key(), column,
         absl::StrCat(before.value(column, Json()).dump(), " -> ", after.value(column, Json()).dump())});
  }
}

TextTable VerifiedTable(std::size_t width) {
  return TextTable({{.name = "table", .whole = true},
                    {.name = "moment", .whole = true},
                    {.name = "time", .goes = 1},
                    {.name = "lsn", .number = true, .goes = 2},
                    {.name = "proven rows", .number = true},
                    {.name = "rows", .number = true},
                    {.name = "state", .whole = true}},
                   width);
}

void AddVerified(TextTable& table, const v1::VerifiedMoment& state) {
  if (!state.has_commit()) return table.Add({state.table(), "", "", "", "", "", "nothing proven"});
  table.Add({state.table(), absl::StrCat("m:", state.commit().moment()), WhenText(state.commit()),
             NumberText(state.commit().lsn(), true), Grouped(state.proven_rows()), Grouped(state.rows()),
             state.equal() ? "equal" : "NOT EQUAL"});
}

}  // namespace mirror
