#include "client/source/files/file_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "client/source/files/file_row_readers.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/sqlite/log/sorted_digests.h"
#include "client/source/steps/row_steps.h"
#include "proto/wire/key_part.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

// The columns of a table of files: its record, its header, and the guessed types.

/// Number of rows from which the types of a new file are guessed first. If a later value does not fit, the
/// reader examines all values.
inline constexpr std::size_t kRowsGuessed = 10'000;

using Json = nlohmann::json;

/// Maximum number of columns with guessed types in one note.
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

/// Removes characters that are invisible or look like a blank.
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

/// Returns the error for a column that `key` of the configuration names and the file lacks.
absl::Status NoColumn(const FileLook& known, const TableSchema& schema, const std::string& name,
                      const char* key) {
  std::vector<std::string> there;
  std::string hint;
  for (const Column& column : schema.columns) {
    there.push_back(column.name);
    if (WithoutBlanks(column.name) != WithoutBlanks(name)) continue;
    hint = absl::StrCat(". Its column '", column.name,
                        "' differs only in blanks, such as a no-break space: copy the name from the file");
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
    // Two different texts are two keys, even if they are equal as numbers.
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

/// Restores `known` from the record of the last run. `records`: by table name. False: there is no readable
/// record.
bool TakeRecord(const std::map<std::string, std::string>& records, FileLook* known) {
  auto record = records.find(known->table.name);
  if (record == records.end()) {
    // `name` of the [[source.table]] may now have another case.
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

/// Returns the record for the next run.
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

/// Reads the columns of the files, and guesses the types of new ones. Errors: a file cannot be read, or does
/// not belong to this table.
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
  // Findings that were made with another decimal mark are void.
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

/// Returns `known` with types that fit all values. Errors: a file cannot be read.
absl::StatusOr<FileLook> WidenColumns(const FileLook& known) {
  std::vector<TypeGuess> guesses;
  for (const Column& column : known.schema.columns) guesses.emplace_back(column.type, known.decimals);
  RETURN_IF_ERROR(ShowAll(known.OpenRows(), &guesses));
  if (!known.mended.empty()) RETURN_IF_ERROR(ShowAll(TypedRows::OpenMended(known), &guesses));
  FileLook wider = known;
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    if (!known.guessed[i] || !guesses[i].seen()) continue;
    wider.schema.columns[i].type = guesses[i].type();
    wider.comma[i] = guesses[i].comma();
  }
  return wider;
}

/// Returns why 'where' may select other rows than before; the table then stays as it was. Empty: it selects
/// the same rows.
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
        "table '", known.table.name, "': 'where' uses column '", was.name,
        "', and the guessed type of that column changed (", TypeWord(schema->columns[*at].type),
        ", no longer ", TypeWord(was.type),
        "), so 'where' may choose other rows. Nothing of the table was sent. Set the column's type in "
        "'types'");
    schema->columns[*at].type = was.type;
  }
  return problem;
}

/// Returns a note about a table whose key types were guessed by an earlier version; mostly empty.
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

/// Returns a note about guessed columns if the guess is new; mostly empty.
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

/// Does SourceReader::PlacesOf(). Reads the rows up to the last of these keys.
std::vector<std::string> FindPlaces(TypedRows rows, const std::vector<Key>& keys) {
  std::map<Key, std::optional<std::uint64_t>>
      first;  ///< Line of the first row with the key; absent: not met yet.
  for (const Key& key : keys) first[key] = std::nullopt;
  std::vector<std::string> places;
  while (!first.empty()) {
    const absl::StatusOr<TypedRows::Step> step = rows.Next();
    if (!step.ok() || *step == TypedRows::Step::kEnd) break;
    const std::optional<Key> key = *step == TypedRows::Step::kRow ? rows.ReadKey() : std::nullopt;
    const auto wanted = key ? first.find(*key) : first.end();
    if (wanted == first.end()) continue;
    const std::uint64_t line = rows.row().line;
    if (!wanted->second) {
      wanted->second = line;
      continue;
    }
    places.push_back(absl::StrCat("line ", line, rows.mended() ? " of the mended rows" : "",
                                  " has the key of line ", *wanted->second));
    first.erase(wanted);
  }
  return places;
}

/// Returns whether a file belongs to a program: hidden files, and the files by which Excel marks an open
/// workbook. A pattern only matches such a file if it begins in the same way.
bool IsOfAProgram(const std::string& file, const std::string& pattern) {
  for (const char* const begin : {".", "~$"}) {
    if (file.starts_with(begin) && !pattern.starts_with(begin)) return true;
  }
  return false;
}

class FileReader : public SourceReader {
 public:
  explicit FileReader(FileReaderOptions options) : options_(std::move(options)), former_(options_.records) {}

  SourceMark Mark() const override { return {options_.folder}; }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    std::vector<std::string> names;
    for (const FileTable& table : options_.tables) names.push_back(table.name);
    return names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    ASSIGN_OR_RETURN(std::vector<std::string> files, ListFiles());
    SourceSchema schema;
    tables_.clear();
    wait_ms_ = kSettleWaitMs;
    for (const FileTable& table : options_.tables) LookAt(table, files, &schema);
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    FileLook* const known = Find(table);
    if (known == nullptr) return Unknown(table);
    return known->rows;
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    ASSIGN_OR_RETURN(TypedRows rows, OpenTable(table));
    FileLook& known = *Find(table);
    return ReadFileRows(known, std::move(rows), columns, KeptRejects(),
                        [this, &known] { return Widen(known); });
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    const FileLook* const known = Find(table);
    return known != nullptr && known->files.size() > 1 ? RepeatedKeys::kVersions : RepeatedKeys::kFirst;
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                     const std::vector<std::uint32_t>& columns) override {
    ASSIGN_OR_RETURN(TypedRows rows, OpenTable(table));
    FileLook& known = *Find(table);
    return ScanFileRows(known, std::move(rows), columns, KeptRejects(),
                        [this, &known] { return Widen(known); });
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) override {
    ASSIGN_OR_RETURN(TypedRows rows, OpenTable(table));
    FileLook& known = *Find(table);
    return ScanFileRows(
        known, std::move(rows), columns, KeptRejects(), [this, &known] { return Widen(known); }, std::nullopt,
        /*by_column=*/true);
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override {
    ASSIGN_OR_RETURN(TypedRows rows, OpenTable(table));
    FileLook& known = *Find(table);
    return ScanFileRows(
        known, std::move(rows), columns, KeptRejects(), [this, &known] { return Widen(known); }, bound,
        bound.by_column);
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    ASSIGN_OR_RETURN(TypedRows rows, OpenTable(table));
    ColumnFacts facts;
    const bool guessed_text =
        Find(table)->schema.columns[column].type == Type::kText && Find(table)->guessed[column];
    bool numbers = false, texts = false;
    for (;;) {
      const absl::StatusOr<TypedRows::Step> step = rows.Next();
      if (absl::IsOutOfRange(step.status())) return Widen(*Find(table));
      if (!step.ok()) return step.status();
      if (*step == TypedRows::Step::kEnd) break;
      if (*step == TypedRows::Step::kReject) {
        facts.unreadable = true;
        continue;
      }
      const Value& value = rows.values()[column];
      if (value.kind == Kind::kNull) {
        ++facts.nulls;
        continue;
      }
      KeyPart part = KeyPartOf(value);
      if (guessed_text) (ReadReal(value.bytes) ? numbers : texts) = true;
      if (facts.least.kind == Kind::kNull || part < facts.least) facts.least = part;
      if (facts.greatest.kind == Kind::kNull || facts.greatest < part) facts.greatest = std::move(part);
    }
    if (numbers) {
      facts.trouble = absl::StrCat(texts ? "holds both numbers and texts, which have no common order"
                                         : "holds numbers that are kept as texts",
                                   " (10 comes before 9): correct the rows, or set its type in 'types'");
    }
    return facts;
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<std::unique_ptr<DigestReader>> scan = Scan(table, columns);
    if (!scan.ok()) return scan;
    return SortRows(*std::move(scan), Find(table)->schema.Key().size());
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    ASSIGN_OR_RETURN(TypedRows rows, OpenTable(table));
    return ReadFileRowsByKey(*Find(table), std::move(rows), columns, std::move(keys));
  }

  std::vector<std::string> PlacesOf(const std::string& table, const std::vector<Key>& keys) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok() || keys.empty()) return {};
    return FindPlaces(*std::move(rows), keys);
  }

  /// Each call reads all files of the table, so it takes many keys.
  std::size_t KeysAtATime() const override { return 500'000; }

 private:
  absl::StatusOr<std::vector<std::string>> ListFiles() const {
    std::error_code error;
    std::vector<std::string> files;
    for (std::filesystem::directory_iterator entry(options_.folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->is_regular_file(error)) files.push_back(entry->path().filename().string());
    }
    if (error) {
      return absl::NotFoundError(absl::StrCat("the folder '", options_.folder, "' cannot be read (",
                                              error.message(),
                                              "): correct 'folder' of its [[source]]. Nothing was sent"));
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  void LookAt(const FileTable& table, const std::vector<std::string>& files, SourceSchema* schema) {
    FileLook known;
    known.table = table;
    if (options_.hash_key) known.hash_key = &*options_.hash_key;
    std::string problem = FindFiles(files, &known);
    const bool recorded = TakeRecord(options_.records, &known);
    known.typed = recorded;
    FileLook former;
    former.table = table;
    const bool was_sent = TakeRecord(former_, &former);
    known.taken = former.taken;
    known.held = former.held;
    if (problem.empty() && known.later.empty()) known.later = TakeOrHold(former, &known);
    if (problem.empty() && known.later.empty()) {
      if (absl::Status read = ReadHeader(&known); !read.ok()) problem = std::string(read.message());
    }
    if (known.schema.columns.empty() || (!recorded && !known.later.empty())) {
      schema->refused.push_back({table.name, problem.empty() ? known.later : problem});
      return;
    }
    if (problem.empty() && known.later.empty()) problem = FindMended(&known);
    const absl::Status steps = CheckSteps(known.schema, table.steps);
    if (problem.empty()) problem = std::string(steps.message());
    if (problem.empty() && !table.steps.where.empty())
      problem = CheckFilter(known, former.recorded, &known.schema);
    if (problem.empty() && known.later.empty() && known.typed) {
      if (was_sent) AddTo(&schema->notes, NoteOfKey(former));
      AddTo(&schema->notes, NoteOfTypes(known, former.recorded));
    }
    SourceTable& source = schema->tables.emplace_back();
    source.schema = steps.ok() ? known.Given() : known.schema;
    source.problem = std::move(problem);
    source.later = known.later;
    source.objects.emplace();  // Files have no indexes or foreign keys.
    for (const FileSeen& file : known.files) {
      if (!file.mended) source.written_ns = std::max(source.written_ns, WrittenNs(file));
    }
    // The types are not known before a row was read.
    source.record = known.typed ? MakeRecord(known) : "";
    options_.records[table.name] = source.record;
    tables_.emplace(FoldName(table.name), std::move(known));
  }

  /// Finds the table's files: the last one by name first. Returns the problem with them, for people.
  std::string FindFiles(const std::vector<std::string>& files, FileLook* known) {
    const FileTable& table = known->table;
    std::error_code error;
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
      if (!MatchesExactly(*file, table.file) || IsOfAProgram(*file, table.file)) continue;
      // A file without content does not belong to the table.
      if (table.all_files && !known->files.empty() &&
          std::filesystem::is_empty(absl::StrCat(options_.folder, "/", *file), error))
        continue;
      if (known->files.size() == kFilesMax) {
        return absl::StrCat("there are more than ", kFilesMax, " files '", table.file, "' in '",
                            options_.folder, "': move old ones elsewhere");
      }
      FileSeen& seen = known->files.emplace_back();
      seen.path = absl::StrCat(options_.folder, "/", *file);
      if (stat(seen.path.c_str(), &seen.status) != 0)
        return absl::StrCat("'", seen.path, "' cannot be read: ", std::strerror(errno));
      if (!HasSettled(&seen)) {
        known->later = absl::StrCat("'", seen.path, "' is still being written: the next run reads it");
      }
      if (!table.all_files) break;
    }
    if (known->files.empty()) {
      const std::string path = absl::StrCat(options_.folder, "/", table.file);
      const std::filesystem::file_status there = std::filesystem::status(path, error);
      if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there))
        return absl::StrCat("'", path, "' is not a regular file");
      return absl::StrCat("there is no file '", table.file, "' in '", options_.folder, "'");
    }
    known->path = known->files.front().path;
    return "";
  }

  FileState StateOf(const FileLook& known) const {
    FileState state;
    state.path = known.path;
    for (const FileSeen& file : known.files) {
      if (file.mended) continue;
      state.size += file.status.st_size;
      if (WrittenNs(file) < state.written_ns) continue;
      state.written_ns = WrittenNs(file);
      std::ifstream stream(file.path, std::ios::binary);
      stream.seekg(-1, std::ios::end);
      const int last = stream.get();
      state.ended = last == '\n' || last == kEndOfDosFile;
    }
    return state;
  }

  /// Decides whether the files are taken now. An upload that stopped looks like a file that lost rows. Such a
  /// file is taken when it is unchanged since the last run, or when another file arrived. Returns why the
  /// files are left; empty: they are taken.
  std::string TakeOrHold(const FileLook& former, FileLook* known) const {
    if (options_.settle_ms == 0 || !options_.looks_twice || known->table.workbook) return "";
    const FileState now = StateOf(*known);
    const bool shorter = now.size < former.taken.size;
    const bool unended = former.taken.size > 0 && former.taken.ended && !now.ended;
    const bool again = !former.held.path.empty() && (former.held == now || former.held.path != now.path);
    known->held = FileState();
    if ((!shorter && !unended) || again) {
      // An empty file gives no rows, so the next file is compared with the one before it.
      if (now.size > 0) known->taken = now;
      return "";
    }
    known->held = now;
    return absl::StrCat("'", now.path, "' ",
                        shorter ? "is shorter than what was read last"
                                : "ends within a line, unlike the file that was read last",
                        ": it may be incomplete. The next run reads it, if it has not changed by then");
  }

  static std::int64_t WrittenNs(const FileSeen& file) {
    return file.status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + file.status.st_mtim.tv_nsec;
  }

  /// Waits until the file has been unchanged for `settle_ms`, as long as this look may wait.
  bool HasSettled(FileSeen* file) {
    const auto left_ms = [&] {
      const std::int64_t age_ms = NowMs() - WrittenNs(*file) / 1'000'000;
      return age_ms < 0 ? 0 : options_.settle_ms - age_ms;
    };
    const std::int64_t wait_ms = left_ms();
    if (wait_ms <= 0) return true;
    if (wait_ms > wait_ms_) return false;
    wait_ms_ -= wait_ms;
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    return stat(file->path.c_str(), &file->status) == 0 && left_ms() <= 0;
  }

  std::string KeptRejects() const { return options_.keeps_rejects ? options_.rejects : ""; }

  /// Finds the file of corrected rows beside the file of rejects. Returns the problem with it, for people.
  std::string FindMended(FileLook* known) const {
    if (options_.rejects.empty()) return "";
    known->mended = absl::StrCat(options_.rejects, "/", known->table.name, ".mended.csv");
    struct stat status = {};
    if (stat(known->mended.c_str(), &status) != 0) known->mended.clear();
    if (known->mended.empty()) return "";
    const absl::Status opened = TypedRows::OpenMended(*known).status();
    if (opened.ok() && known->files.size() > 1) {
      // Corrected rows are read after the last file's own rows, and before those of the other files.
      known->files.insert(known->files.begin() + 1, {std::exchange(known->mended, ""), status, true});
    }
    return std::string(opened.message());
  }

  static void AddTo(std::vector<std::string>* notes, std::string note) {
    if (!note.empty()) notes->push_back(std::move(note));
  }

  /// Examines all values again. Returns kAborted: the table has changed.
  absl::Status Widen(const FileLook& known) {
    ASSIGN_OR_RETURN(const FileLook wider, WidenColumns(known));
    options_.records[known.table.name] = MakeRecord(wider);
    return absl::AbortedError(
        absl::StrCat("columns of '", known.path, "' have values of another type than before"));
  }

  absl::StatusOr<TypedRows> OpenTable(const std::string& table) {
    const FileLook* const known = Find(table);
    if (known == nullptr) return Unknown(table);
    if (!known->later.empty()) return absl::FailedPreconditionError(known->later);
    return TypedRows::Open(*known);
  }

  FileLook* Find(const std::string& table) {
    const auto found = tables_.find(FoldName(table));
    return found == tables_.end() ? nullptr : &found->second;
  }
  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  FileReaderOptions options_;
  const std::map<std::string, std::string> former_;  ///< Records of the last run.
  std::map<std::string, FileLook> tables_;           ///< By folded name.
  std::int64_t wait_ms_ = 0;                         ///< Time for which this look may still wait for files.
};

}  // namespace

std::unique_ptr<SourceReader> OpenFileReader(FileReaderOptions options) {
  return std::make_unique<FileReader>(std::move(options));
}

}  // namespace mirror
