#include "client/source/files/file_columns.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/files/rows/file_value.h"
#include "client/source/files/typed_rows.h"
#include "client/source/steps/row_steps.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

/// Columns whose guessed types one note shows.
constexpr std::size_t kColumnsShown = 40;

const char* TypeWord(Type type) {
  return type == Type::kInt64 ? "integer" : type == Type::kDouble ? "real" : "text";
}

FileState StateIn(const Json& files, const char* which) {
  FileState state;
  const auto found = files.find(which);
  if (found == files.end() || !found->is_object()) return state;
  state.path = found->value("path", "");
  state.size = found->value("size", std::int64_t{0});
  state.written_ns = found->value("written_ns", std::int64_t{0});
  state.ended = found->value("ended", true);
  return state;
}

Json JsonOf(const FileState& state) {
  return {
      {"path", state.path}, {"size", state.size}, {"written_ns", state.written_ns}, {"ended", state.ended}};
}

/// A name without the characters that nobody sees, or takes for another one: blanks of all kinds.
std::string WithoutBlanks(std::string_view name) {
  // NO-BREAK SPACE, ZERO WIDTH SPACE, NARROW NO-BREAK SPACE, IDEOGRAPHIC SPACE, BYTE ORDER MARK, SOFT HYPHEN.
  static constexpr std::string_view kUnseen[] = {"\xc2\xa0",     "\xe2\x80\x8b", "\xe2\x80\xaf",
                                                 "\xe3\x80\x80", "\xef\xbb\xbf", "\xc2\xad"};
  std::string seen;
  while (!name.empty()) {
    std::size_t bytes = absl::ascii_isspace(static_cast<unsigned char>(name.front())) ? 1 : 0;
    for (const std::string_view one : kUnseen) {
      if (name.starts_with(one)) bytes = one.size();
    }
    if (bytes == 0) seen.push_back(name.front());
    name.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return FoldName(seen);
}

/// A column that `key` of the configuration names, and the file does not have.
absl::Status NoColumn(const FileLook& known, const TableSchema& schema, const std::string& name,
                      const char* key) {
  std::vector<std::string> there;
  std::string hint;
  for (const Column& column : schema.columns) {
    there.push_back(column.name);
    if (WithoutBlanks(column.name) != WithoutBlanks(name)) continue;
    hint = absl::StrCat(". Its column '", column.name,
                        "' differs in blanks alone, as a no-break space: copy the name from the file");
  }
  return absl::InvalidArgumentError(absl::StrCat("'", known.path, "' has no column '", name, "', which '",
                                                 key, "' names", hint.empty() ? "; it has: " : hint,
                                                 hint.empty() ? ListNames(there) : ""));
}

absl::Status MakeSchema(const std::vector<FileColumn>& columns, FileLook* known) {
  TableSchema schema;
  schema.name = known->table.name;
  std::vector<bool> guessed, commas;
  for (const auto& [name, type, comma] : columns) {
    Column& column = schema.columns.emplace_back();
    column.name = name;
    const std::optional<Type> declared = known->table.DeclaredTypeOf(name);
    column.type = declared.value_or(type);
    guessed.push_back(!declared);
    column.key_position = known->table.KeyPositionOf(name);
    column.nullable = column.key_position == 0;
    // Two texts are two keys, whatever numbers they may be.
    if (guessed.back() && column.key_position > 0) column.type = Type::kText;
    commas.push_back(guessed.back() && comma && column.type == Type::kDouble);
    column.backfill = Backfill::kUnknown;
  }
  for (const std::string& part : known->table.key) {
    if (!schema.Find(part)) {
      return NoColumn(*known, schema, part, "key");
    }
  }
  for (const auto& [name, type] : known->table.types) {
    if (!schema.Find(name)) {
      return NoColumn(*known, schema, name, "types");
    }
  }
  RETURN_IF_ERROR(CheckTable(schema));
  known->schema = std::move(schema);
  known->guessed = std::move(guessed);
  known->comma = std::move(commas);
  return absl::OkStatus();
}

absl::Status CheckNames(const FileLook& known, const std::vector<std::string>& header) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", known.path, "': its first row, which names the columns, has ", what));
    };
    if (header[i].empty()) return wrong(absl::StrCat("no name for column ", i + 1));
    if (!names.insert(FoldName(header[i])).second)
      return wrong(absl::StrCat("two columns '", header[i], "'"));
  }
  return absl::OkStatus();
}

void Show(const FileRow& row, std::vector<TypeGuess>* guesses) {
  for (std::size_t i = 0; i < guesses->size() && i < row.fields.size(); ++i) {
    const bool is_text = i < row.texts.size() && row.texts[i];
    if (row.fields[i] && !row.fields[i]->empty()) (*guesses)[i].Add(*row.fields[i], is_text);
  }
}

absl::Status ShowAll(absl::StatusOr<std::unique_ptr<FileRows>> rows, std::vector<TypeGuess>* guesses) {
  if (!rows.ok()) return rows.status();
  FileRow row;
  for (;;) {
    ASSIGN_OR_RETURN(const bool there, (*rows)->Next(&row));
    if (!there) return absl::OkStatus();
    if (row.wrong.empty()) Show(row, guesses);
  }
}

}  // namespace

bool TakeRecord(const std::map<std::string, std::string>& records, FileLook* known) {
  auto record = records.find(known->table.name);
  if (record == records.end()) {
    // `name` of the [[source.table]] may have another case by now.
    record = std::find_if(records.begin(), records.end(),
                          [known](const auto& one) { return SameName(one.first, known->table.name); });
  }
  if (record == records.end()) return false;
  const Json json = Json::parse(record->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return false;
  std::vector<FileColumn> columns;
  for (const Json& column : json) {
    if (column.is_object()) {
      const std::string decimal = column.value("decimal", "");
      known->decimal = decimal.empty() ? '\0' : decimal.front();
      known->taken = StateIn(column, "taken");
      known->held = StateIn(column, "held");
      continue;
    }
    if (!column.is_array() || column.size() < 2 || !column[0].is_string() || !column[1].is_number_integer()) {
      return false;
    }
    columns.push_back(
        {column[0].get<std::string>(), static_cast<Type>(column[1].get<int>()), column.size() > 2});
  }
  known->recorded = columns;
  return MakeSchema(columns, known).ok();
}

std::string MakeRecord(const FileLook& known) {
  Json json = Json::array();
  for (std::size_t i = 0; i < known.schema.columns.size(); ++i) {
    const Column& column = known.schema.columns[i];
    json.push_back({column.name, static_cast<int>(column.type)});
    if (known.comma[i]) json.back().push_back(",");
  }
  Json rest = Json::object();
  if (known.table.csv.decimal != 0) rest["decimal"] = std::string(1, known.table.csv.decimal);
  if (known.taken.size > 0) rest["taken"] = JsonOf(known.taken);
  if (!known.held.path.empty()) rest["held"] = JsonOf(known.held);
  if (!rest.empty()) json.push_back(std::move(rest));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status ReadHeader(FileLook* known) {
  RETURN_IF_ERROR(known->CheckHeaders());
  ASSIGN_OR_RETURN(const std::unique_ptr<FileRows> rows, known->OpenRows());
  const std::vector<std::string>& header = rows->header();
  RETURN_IF_ERROR(CheckNames(*known, header));
  const CsvOptions& csv = known->table.csv;
  const bool comma = csv.decimal == ',' || (csv.decimal == 0 && rows->separator() == ';');
  known->decimals = {csv.decimal != ',', comma};
  const TableSchema former = known->schema;
  std::vector<TypeGuess> guesses(header.size(), TypeGuess(Type::kInt64, known->decimals));
  std::vector<FileColumn> columns;
  bool all_known = true;
  // What was found by another decimal sign tells nothing.
  const bool same_sign = known->decimal == csv.decimal;
  for (const std::string& name : header) {
    std::optional<std::uint32_t> at;
    if (same_sign) at = former.Find(name);
    all_known = all_known && at;
    columns.push_back({name, at ? former.columns[*at].type : Type::kUnspecified, at && known->comma[*at]});
  }
  known->typed = all_known;
  if (!all_known) {
    FileRow row;
    for (std::size_t i = 0; i < kRowsGuessed; ++i) {
      ASSIGN_OR_RETURN(const bool there, rows->Next(&row));
      if (!there) break;
      if (!row.wrong.empty()) continue;
      Show(row, &guesses);
      known->typed = true;
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].type != Type::kUnspecified) continue;
    columns[i].type = guesses[i].type();
    columns[i].comma = guesses[i].comma();
  }
  return MakeSchema(columns, known);
}

absl::StatusOr<FileLook> WidenColumns(const FileLook& known) {
  std::vector<TypeGuess> guesses;
  for (const Column& column : known.schema.columns) guesses.emplace_back(column.type, known.decimals);
  RETURN_IF_ERROR(ShowAll(known.OpenRows(), &guesses));
  if (!known.mended.empty()) {
    RETURN_IF_ERROR(ShowAll(TypedRows::OpenMended(known), &guesses));
  }
  FileLook wider = known;
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    if (!known.guessed[i] || !guesses[i].seen()) continue;
    wider.schema.columns[i].type = guesses[i].type();
    wider.comma[i] = guesses[i].comma();
  }
  return wider;
}

std::string CheckFilter(const FileLook& known, const std::vector<FileColumn>& former, TableSchema* schema) {
  const absl::StatusOr<RowFilter> filter = RowSteps::MakeFilter(known.schema, known.table.steps);
  if (!filter.ok()) return std::string(filter.status().message());
  std::string problem;
  const std::set<std::string> read = ColumnsRead(known.schema, known.table.steps.where);
  for (const FileColumn& was : former) {
    const std::optional<std::uint32_t> at = schema->Find(was.name);
    if (!at || !known.guessed[*at] || schema->columns[*at].type == was.type) continue;
    if (!read.contains(known.schema.columns[*at].name)) continue;
    problem = absl::StrCat(
        "table '", known.table.name, "': 'where' is about column '", was.name,
        "', and the guess of its type changed (", TypeWord(schema->columns[*at].type), ", no longer ",
        TypeWord(was.type),
        "), so it may choose other rows. Nothing of the table was sent. Set the column's type in 'types'");
    schema->columns[*at].type = was.type;
  }
  return problem;
}

std::string NoteOfKey(const FileLook& former) {
  std::string names;
  for (const FileColumn& was : former.recorded) {
    const bool part = former.table.KeyPositionOf(was.name) > 0;
    if (!part || was.type == Type::kText || former.table.DeclaredTypeOf(was.name)) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ", was.name);
  }
  if (names.empty()) return "";
  return absl::StrCat("table '", former.table.name, "': its key (", names,
                      ") was read as a number until now, and as numbers 1.1 and 1.10 are the same key. From "
                      "now on it is text, and the table is populated once more; to keep it a number, set its "
                      "type in 'types' of its [[source.table]]");
}

std::string NoteOfTypes(const FileLook& known, const std::vector<FileColumn>& former) {
  std::string guessed;
  std::size_t count = 0;
  for (std::size_t i = 0; i < known.schema.columns.size(); ++i) {
    const Column& column = known.schema.columns[i];
    const auto was_so = [&](const FileColumn& was) {
      return SameName(was.name, column.name) && was.type == column.type && was.comma == known.comma[i];
    };
    if (!known.guessed[i] || std::any_of(former.begin(), former.end(), was_so)) continue;
    if (++count > kColumnsShown) continue;
    absl::StrAppend(&guessed, guessed.empty() ? "" : ", ", column.name, " ", TypeWord(column.type),
                    known.comma[i] ? " (decimal comma)" : "", column.key_position > 0 ? " (key)" : "");
  }
  if (count == 0) return "";
  if (count > kColumnsShown) absl::StrAppend(&guessed, " and ", count - kColumnsShown, " more");
  return absl::StrCat("table '", known.table.name, "': types were guessed: ", guessed,
                      ". Where a guess is wrong, set the type in 'types' of its [[source.table]]");
}

}  // namespace mirror
