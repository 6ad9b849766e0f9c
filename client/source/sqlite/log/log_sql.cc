#include "client/source/sqlite/log/log_sql.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/trigger_trial.h"

namespace mirror {
namespace {

bool IsOfWord(char sign) {
  const auto byte = static_cast<unsigned char>(sign);
  return absl::ascii_isalnum(byte) || sign == '_' || sign == '$' || byte >= 0x80;
}

bool IsBlank(char sign) { return absl::ascii_isspace(static_cast<unsigned char>(sign)); }

/// Reads a token in double quotes that begins at `at`: returns its end, and its content in `text`.
std::size_t ReadDoubleQuoted(std::string_view sql, std::size_t at, std::string* text) {
  for (++at; at < sql.size(); ++at) {
    if (sql[at] == '"' && (at + 1 == sql.size() || sql[at + 1] != '"')) return at + 1;
    if (sql[at] == '"') ++at;
    *text += sql[at];
  }
  return at;
}

/// Returns the first character from `at` on that is in no comment and no blank; NUL: there is none.
char NextSign(std::string_view sql, std::size_t at) {
  while (at < sql.size()) {
    const std::string_view rest = sql.substr(at);
    if (IsBlank(rest[0])) {
      ++at;
    } else if (rest.starts_with("--") || rest.starts_with("/*")) {
      at = BehindQuoted(sql, at);
    } else {
      return rest[0];
    }
  }
  return '\0';
}

absl::StatusOr<sqlite::Statement> About(const SqliteFile& file, const std::string& sql,
                                        const std::string& name) {
  absl::StatusOr<sqlite::Statement> statement = file.Prepare(sql);
  if (statement.ok()) statement->Bind(1, std::string(name));
  return statement;
}

bool IsBinary(const char* collation) { return collation == nullptr || SameName(collation, "BINARY"); }

std::vector<std::string> NamesOf(const LoggedTable& table) {
  std::vector<std::string> names;
  for (const LoggedTable::Column& column : table.columns) names.push_back(column.name);
  return names;
}

/// Finds the UNIQUE indexes except that of the key.
absl::Status FindUnique(const SqliteFile& file, LoggedTable* table) {
  const bool typed_key = std::all_of(table->key.begin(), table->key.end(),
                                     [&](std::uint32_t column) { return table->columns[column].typed; });
  absl::StatusOr<sqlite::Statement> indexes =
      About(file,
            // Only reads the text of partial ones: sqlite_schema has no index, and may be long.
            "SELECT i.name, i.origin, CASE WHEN i.partial THEN (SELECT s.sql FROM main.sqlite_schema s WHERE "
            "s.type = "
            "'index' AND s.name = i.name) END FROM temp.pragma_index_list(?1, 'main') i WHERE i.\"unique\" = "
            "1 ORDER BY "
            "i.name",
            table->name);
  if (!indexes.ok()) return indexes.status();
  const std::string doing = absl::StrCat("reading the indexes of '", table->name, "'");
  indexes->SetDoing(doing);
  absl::StatusOr<bool> row = indexes->Step();
  for (; row.ok() && *row; row = indexes->Step()) {
    ASSIGN_OR_RETURN(
        sqlite::Statement terms,
        About(file,
              "SELECT name, coll, cid FROM temp.pragma_index_xinfo(?1, 'main') WHERE key = 1 ORDER BY seqno",
              indexes->Text(0)));
    terms.SetDoing(doing);
    LoggedTable::Unique index{{}, PlainCondition(ConditionOfIndex(indexes->Text(2)), NamesOf(*table))};
    // In a trigger, an unclosed comment would swallow the text after it.
    if (index.where.rfind("/*") != std::string::npos) table->blind = true;
    bool binary = true, generated = false;
    RETURN_IF_ERROR(ForEachRow(terms, [&] {
      if (terms.Int(2) < 0) table->blind = true;
      LoggedTable::Probe& term = index.terms.emplace_back();
      term.column = terms.Text(0);
      term.collation = terms.Text(1);
      binary = binary && IsBinary(term.collation.c_str());
      for (const LoggedTable::Column& column : table->columns) {
        if (column.name != term.column) continue;
        term.defaulted = column.has_default && !column.nullable;
        generated = generated || column.generated;
      }
    }));
    // The key's own index only displaces rows if another spelling of the key counts as equal.
    if (indexes->Text(1) == "pk" && binary && typed_key) continue;
    // It depends on columns that are not all known before the row exists.
    if (generated) table->blind = true;
    table->unique.push_back(std::move(index));
  }
  return row.status();
}

std::string Field(const std::string& of, const std::string& name) {
  return absl::StrCat(of, ".", QuoteName(name));
}

std::string LeadingKeyNames(const LoggedTable& table) {
  return absl::StrJoin(LogKeyNames(table.key.size()), "", [](std::string* names, const std::string& name) {
    absl::StrAppend(names, name, ", ");
  });
}

std::string MaskNames(std::size_t masks) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < masks; ++i) names.push_back(absl::StrCat("m", i));
  return absl::StrJoin(names, ", ");
}

std::string KeyOf(const LoggedTable& table, const std::string& of) {
  std::string values;
  for (const std::uint32_t column : table.key)
    absl::StrAppend(&values, Field(of, table.columns[column].name), ", ");
  return values;
}

std::string KeyDiffers(const LoggedTable& table) {
  return absl::StrJoin(table.key, " OR ", [&](std::string* out, std::uint32_t column) {
    absl::StrAppend(out, Differs(table.columns[column], "old", "new"));
  });
}

/// Returns the bits of one mask column; `columns`: the number of columns that count.
std::string Bits(const LoggedTable& table, std::size_t mask, std::size_t columns) {
  std::vector<std::string> bits;
  const std::size_t begin = mask * kMaskBits;
  for (std::size_t i = begin; i < std::min(begin + kMaskBits, columns); ++i) {
    // If the key changes, the whole row is logged.
    if (std::find(table.key.begin(), table.key.end(), i) != table.key.end()) continue;
    bits.push_back(absl::StrCat("((", Differs(table.columns[i], "old", "new"), ") << ", i - begin, ")"));
  }
  return bits.empty() ? "0" : absl::StrJoin(bits, " | ");
}

/// Whether rows are only displaced by their rowid, which statements rarely give.
bool WatchesRowidAlone(const LoggedTable& table) { return !table.rowid.empty() && table.unique.empty(); }

/// Returns one entry: the key of `of` ("old" or "new"), and the whole row.
std::string WholeEntry(std::int64_t log, const LoggedTable& table, const std::string& of,
                       const char* mask = "NULL") {
  return absl::StrCat("INSERT INTO ", LogName(log), " (", LeadingKeyNames(table), "m0) VALUES (",
                      KeyOf(table, of), mask, ");");
}

/// The mask of a deleted row.
const char* EndMask(bool mark_ends) { return mark_ends ? "-1" : "NULL"; }

/// The value of a rowid in a BEFORE INSERT trigger if the statement does not give one.
constexpr char kNoRowid[] = "-1";

/// The entry of a new row. A row with exactly that rowid may have displaced another one, which the BEFORE
/// trigger could not see: then the log skips a number, and the table is populated.
std::string InsertEntry(std::int64_t log, const LoggedTable& table) {
  if (!WatchesRowidAlone(table)) return WholeEntry(log, table, "new");
  return absl::StrCat("INSERT INTO ", LogName(log), " (seq, ", LeadingKeyNames(table),
                      "m0) VALUES (CASE WHEN new.", table.rowid, " = ", kNoRowid,
                      " THEN (SELECT max(seq) + 2 FROM ", LogName(log), ") END, ", KeyOf(table, "new"),
                      "NULL);");
}

std::string UpdateEntries(std::int64_t log, const LoggedTable& table, std::size_t columns, bool mark_ends) {
  if (table.key.empty()) return WholeEntry(log, table, "new");
  const std::size_t masks = MaskColumns(columns);
  const std::string changed = KeyDiffers(table);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < masks; ++i) {
    values.push_back(
        absl::StrCat("CASE WHEN ", changed, " THEN NULL ELSE ", Bits(table, i, columns), " END"));
  }
  return absl::StrCat("INSERT INTO ", LogName(log), " (", LeadingKeyNames(table), "m0) SELECT ",
                      KeyOf(table, "old"), EndMask(mark_ends), " WHERE ", changed, "; INSERT INTO ",
                      LogName(log), " (", LeadingKeyNames(table), MaskNames(masks), ") VALUES (",
                      KeyOf(table, "new"), absl::StrJoin(values, ", "), ");");
}

/// Returns SQL with an entry for each row of the table for which `condition` is true, and "; ".
std::string EntriesWhere(std::int64_t log, const LoggedTable& table, const std::string& condition) {
  std::vector<std::string> keys;
  for (const std::uint32_t column : table.key) keys.push_back(QuoteName(table.columns[column].name));
  return absl::StrCat("INSERT INTO ", LogName(log), " (", LeadingKeyNames(table), "m0) SELECT ",
                      absl::StrJoin(keys, ", "), ", NULL FROM ", QuoteName(table.name), " WHERE ", condition,
                      "; ");
}

/// Returns entries for rows that collide with the new one in a UNIQUE index: REPLACE deletes them without
/// firing a trigger.
std::string ProbeEntries(std::int64_t log, const LoggedTable& table, bool update) {
  std::string entries;
  const std::string own = absl::StrJoin(table.key, " AND ", [&](std::string* out, std::uint32_t column) {
    const std::string& name = table.columns[column].name;
    absl::StrAppend(out, QuoteName(name), " COLLATE BINARY IS ", Field("old", name));
  });
  for (const LoggedTable::Unique& index : table.unique) {
    std::vector<std::string> same, fixed, defaulted;
    if (!index.where.empty()) fixed.push_back(absl::StrCat("(", index.where, "\n)"));
    if (update) fixed.push_back(absl::StrCat("NOT (", own, ")"));
    same = fixed;
    for (const LoggedTable::Probe& term : index.terms) {
      same.push_back(absl::StrCat(QuoteName(term.column), " = ", Field("new", term.column), " COLLATE ",
                                  QuoteName(term.collation)));
      if (term.defaulted) {
        defaulted.push_back(absl::StrCat(Field("new", term.column), " IS NULL"));
      } else {
        fixed.push_back(same.back());
      }
    }
    absl::StrAppend(&entries, EntriesWhere(log, table, absl::StrJoin(same, " AND ")));
    // The default is not known here: it may match any row.
    if (defaulted.empty()) continue;
    fixed.push_back(absl::StrCat("(", absl::StrJoin(defaulted, " OR "), ")"));
    absl::StrAppend(&entries, EntriesWhere(log, table, absl::StrJoin(fixed, " AND ")));
  }
  return entries;
}

/// An UPDATE that sets none of these columns displaces no row. Empty: any UPDATE may.
std::string SetColumns(const LoggedTable& table) {
  std::vector<std::string> names;
  for (const LoggedTable::Unique& index : table.unique) {
    // A change of any column may make its condition true.
    if (!index.where.empty()) return "";
    for (const LoggedTable::Probe& probe : index.terms) {
      const std::string name = QuoteName(probe.column);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return " OF " + absl::StrJoin(names, ", ");
}

LogObject Trigger(std::int64_t log, const char* kind, const std::string& when, const LoggedTable& table,
                  const std::string& body, const std::string& condition = "") {
  const std::string name = absl::StrCat("_mirror_", log, "_", kind);
  return {name, absl::StrCat("CREATE TRIGGER ", name, " ", when, " ON ", QuoteName(table.name), condition,
                             " BEGIN ", body, " END")};
}

/// Whether a trigger contains SQL text of the application.
bool HasConditions(const LoggedTable& table) {
  return std::any_of(table.unique.begin(), table.unique.end(),
                     [](const LoggedTable::Unique& index) { return !index.where.empty(); });
}

}  // namespace

std::string SingleQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char sign : text) quoted += sign == '\'' ? "''" : std::string(1, sign);
  return quoted + "'";
}

std::size_t BehindQuoted(std::string_view sql, std::size_t at) {
  const std::string_view rest = sql.substr(at);
  std::size_t end = at;
  if (rest.starts_with("--")) {
    end = sql.find('\n', at);
  } else if (rest.starts_with("/*")) {
    end = sql.find("*/", at + 2);
    if (end != std::string_view::npos) ++end;
  } else if (rest[0] == '[') {
    end = sql.find(']', at);
  } else if (rest[0] == '\'' || rest[0] == '"' || rest[0] == '`') {
    end = sql.find(rest[0], at + 1);
  } else {
    return at;
  }
  return end == std::string_view::npos ? sql.size() : end + 1;
}

std::string ConditionOfIndex(std::string_view sql) {
  int depth = 0;
  bool listed = false;
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t behind = BehindQuoted(sql, at); behind != at) {
      at = behind;
      continue;
    }
    if (sql[at] == '(') ++depth;
    if (sql[at] == ')' && --depth == 0) listed = true;
    if (listed && depth == 0 && SameName(sql.substr(at, 5), "WHERE")) return std::string(sql.substr(at + 5));
    ++at;
  }
  return "";
}

std::string PlainCondition(std::string_view condition, const std::vector<std::string>& columns) {
  const auto is_column = [&columns](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(),
                       [&name](const std::string& column) { return SameName(column, name); });
  };
  std::string plain, word;  // The last word without quotes, folded; empty: another character followed.
  for (std::size_t at = 0; at < condition.size();) {
    const char sign = condition[at];
    std::size_t end = at + 1;
    if (sign == '"') {
      std::string text;
      end = ReadDoubleQuoted(condition, at, &text);
      const char next = NextSign(condition, end);
      // The name of a table, function, collation or type is a name at any position.
      const bool is_name = next == '.' || next == '(' || word == "." || word == "collate" || word == "as" ||
                           SameName(text, "rowid") || SameName(text, "oid") || SameName(text, "_rowid_") ||
                           is_column(text);
      plain += is_name ? std::string(condition.substr(at, end - at)) : SingleQuoted(text);
      word.clear();
    } else if (IsOfWord(sign)) {
      while (end < condition.size() && IsOfWord(condition[end])) ++end;
      word = FoldName(condition.substr(at, end - at));
      plain += condition.substr(at, end - at);
    } else {
      end = std::max(end, BehindQuoted(condition, at));
      const bool is_comment = end > at + 1 && (sign == '-' || sign == '/');
      if (!IsBlank(sign) && !is_comment) word = sign == '.' ? "." : "";
      plain += condition.substr(at, end - at);
    }
    at = end;
  }
  return plain;
}

std::string LogName(std::int64_t log) { return absl::StrCat("_mirror_log_", log); }

std::vector<std::string> LogKeyNames(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(absl::StrCat("k", i));
  return names;
}

std::string KeyNames(std::size_t parts) { return absl::StrJoin(LogKeyNames(parts), ", "); }

std::string Places(std::size_t count) { return absl::StrJoin(std::vector<std::string>(count, "?"), ", "); }

std::size_t MaskColumns(std::size_t columns) {
  return std::max<std::size_t>(1, (columns + kMaskBits - 1) / kMaskBits);
}

std::string Differs(const LoggedTable::Column& column, const std::string& a, const std::string& b) {
  const std::string x = Field(a, column.name), y = Field(b, column.name);
  const std::string values = absl::StrCat(x, column.binary ? "" : " COLLATE BINARY", " IS NOT ", y);
  return column.typed ? values : absl::StrCat("(", values, " OR typeof(", x, ") <> typeof(", y, "))");
}

absl::StatusOr<LoggedTable> DescribeLogged(const SqliteFile& file, const SourcePlan& plan) {
  LoggedTable table;
  table.name = plan.schema.name;
  table.key = plan.schema.Key();
  for (std::size_t i = 0; i < plan.schema.columns.size(); ++i) {
    const Column& column = plan.schema.columns[i];
    LoggedTable::Column logged;
    logged.generated = plan.generated[i];
    logged.has_default = plan.has_default[i];
    logged.nullable = column.nullable;
    logged.name = column.name;
    const char* collation = nullptr;
    sqlite3_table_column_metadata(file.handle(), "main", table.name.c_str(), column.name.c_str(), nullptr,
                                  &collation, nullptr, nullptr, nullptr);
    logged.binary = IsBinary(collation);
    logged.typed = column.type != Type::kAny || column.affinity != Affinity::kBlob;
    table.columns.push_back(std::move(logged));
  }
  if (table.key.empty()) return table;
  const bool key_is_rowid = !plan.steady_order.empty() && plan.steady_order[0].column >= 0;
  if (!key_is_rowid) table.rowid = plan.rowid;
  RETURN_IF_ERROR(FindUnique(file, &table));
  // In a trigger its name would mean the row.
  if (FoldName(table.name) == "old" || FoldName(table.name) == "new") table.blind = true;
  if (!table.blind && HasConditions(table)) {
    ASSIGN_OR_RETURN(bool works, TriggersWork(table));
    table.blind = !works;
  }
  if (table.blind) {
    table.unique.clear();
    table.rowid.clear();
  }
  return table;
}

LogObject LogTable(std::int64_t log, const LoggedTable& table) {
  return {LogName(log),
          absl::StrCat("CREATE TABLE ", LogName(log), " (seq INTEGER PRIMARY KEY, ", LeadingKeyNames(table),
                       MaskNames(MaskColumns(table.columns.size())), ")")};
}

std::vector<LogObject> LogTriggers(std::int64_t log, const LoggedTable& table, std::size_t columns,
                                   bool mark_ends) {
  std::vector<LogObject> triggers = {
      Trigger(log, "insert", "AFTER INSERT", table, InsertEntry(log, table)),
      Trigger(log, "update", "AFTER UPDATE", table, UpdateEntries(log, table, columns, mark_ends)),
      Trigger(log, "delete", "AFTER DELETE", table, WholeEntry(log, table, "old", EndMask(mark_ends))),
  };
  std::string rowid;
  if (!table.rowid.empty()) {
    rowid = EntriesWhere(log, table, absl::StrCat(table.rowid, " = new.", table.rowid));
    triggers.push_back(Trigger(log, "before_move", "BEFORE UPDATE", table, rowid,
                               absl::StrCat(" WHEN new.", table.rowid, " <> old.", table.rowid)));
  }
  const std::string displaced = ProbeEntries(log, table, false) + rowid;
  if (!displaced.empty()) {
    // Lets most inserts skip the search for a row.
    const std::string given =
        WatchesRowidAlone(table) ? absl::StrCat(" WHEN new.", table.rowid, " <> ", kNoRowid) : "";
    triggers.push_back(Trigger(log, "before_insert", "BEFORE INSERT", table, displaced, given));
  }
  if (!table.unique.empty()) {
    triggers.push_back(Trigger(log, "before_update", "BEFORE UPDATE" + SetColumns(table), table,
                               ProbeEntries(log, table, true)));
  }
  return triggers;
}

}  // namespace mirror
