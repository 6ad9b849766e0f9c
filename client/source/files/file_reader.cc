#include "client/source/files/file_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "client/source/files/file_columns.h"
#include "client/source/files/file_places.h"
#include "client/source/files/file_row_readers.h"
#include "client/source/files/rows/file_value.h"
#include "client/source/files/typed_rows.h"
#include "client/source/rows/sorted_digests.h"

namespace mirror {
namespace {

/// Files of these names are of programs: hidden ones, and those by which Excel says who has a workbook open.
/// A pattern means them only where it begins so itself.
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
      KeyPart part{value.kind, value.integer, value.real, std::string(value.bytes)};
      if (guessed_text) (ReadReal(value.bytes) ? numbers : texts) = true;
      if (facts.least.kind == Kind::kNull || part < facts.least) facts.least = part;
      if (facts.greatest.kind == Kind::kNull || facts.greatest < part) facts.greatest = std::move(part);
    }
    if (numbers) {
      facts.trouble = absl::StrCat(texts ? "holds numbers and texts, which have no order in common"
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

  /// Each takes a pass over the file.
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
    source.objects.emplace();  // Files have none.
    for (const FileSeen& file : known.files) {
      if (!file.mended) source.written_ns = std::max(source.written_ns, WrittenNs(file));
    }
    // Without a row nothing is known of its types.
    source.record = known.typed ? MakeRecord(known) : "";
    options_.records[table.name] = source.record;
    tables_.emplace(FoldName(table.name), std::move(known));
  }

  /// The table's files, the last one by name first. Gives what is wrong with them.
  std::string FindFiles(const std::vector<std::string>& files, FileLook* known) {
    const FileTable& table = known->table;
    std::error_code error;
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
      if (!MatchesExactly(*file, table.file) || IsOfAProgram(*file, table.file)) continue;
      // One that nobody has written to yet is no part of the table.
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

  /// An upload that stalls looks like a file that lost rows. So what looks like one is taken when it is found
  /// as it was in the last run, or when another file came. Gives why it is left; empty: it is taken.
  std::string TakeOrHold(const FileLook& former, FileLook* known) const {
    if (options_.settle_ms == 0 || !options_.looks_twice || known->table.workbook) return "";
    const FileState now = StateOf(*known);
    const bool shorter = now.size < former.taken.size;
    const bool unended = former.taken.size > 0 && former.taken.ended && !now.ended;
    const bool again = !former.held.path.empty() && (former.held == now || former.held.path != now.path);
    known->held = FileState();
    if ((!shorter && !unended) || again) {
      // Of an empty file no rows are taken, so what comes behind it is measured by the one before.
      if (now.size > 0) known->taken = now;
      return "";
    }
    known->held = now;
    return absl::StrCat(
        "'", now.path, "' ",
        shorter ? "is shorter than what was read last" : "ends within a line, which it did not before",
        ": it may be incomplete. The next run reads it, if it is unchanged then");
  }

  static std::int64_t WrittenNs(const FileSeen& file) {
    return file.status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + file.status.st_mtim.tv_nsec;
  }

  /// Waits for it, as long as this look may.
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

  /// Rows that were left out, mended, and put beside the file of rejects. Gives what is wrong with them.
  std::string FindMended(FileLook* known) const {
    if (options_.rejects.empty()) return "";
    known->mended = absl::StrCat(options_.rejects, "/", known->table.name, ".mended.csv");
    struct stat status = {};
    if (stat(known->mended.c_str(), &status) != 0) known->mended.clear();
    if (known->mended.empty()) return "";
    const absl::Status opened = TypedRows::OpenMended(*known).status();
    if (opened.ok() && known->files.size() > 1) {
      // The last file's own rows go before them, those of the others behind.
      known->files.insert(known->files.begin() + 1, {std::exchange(known->mended, ""), status, true});
    }
    return std::string(opened.message());
  }

  static void AddTo(std::vector<std::string>* notes, std::string note) {
    if (!note.empty()) notes->push_back(std::move(note));
  }

  /// Looks at all values again. Gives kAborted: the table is another one now.
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
  std::int64_t wait_ms_ = 0;                         ///< Left for files to settle in this look.
};

}  // namespace

std::unique_ptr<SourceReader> OpenFileReader(FileReaderOptions options) {
  return std::make_unique<FileReader>(std::move(options));
}

}  // namespace mirror
