#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_LOOK_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_LOOK_H_

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/source/files/rows/csv_rows.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// One table of a folder of files.
struct FileTable {
  std::string name;
  std::string file;              ///< A pattern with '*'; the last file by name is the table's present state.
  bool all_files = false;        ///< All files together are its state. The last one by name is read first.
  std::vector<std::string> key;  ///< Names of columns. Empty: no key.
  std::map<std::string, Type> types = {};  ///< Column types that are declared, not guessed.
  CsvOptions csv = {};
  bool workbook = false;   ///< An .xlsx workbook; false: CSV.
  std::string sheet = {};  ///< Sheet of the workbook; empty: the first one.
  TableSteps steps = {};   ///< `where`, `hash` and `mask` are applied; the caller applies the other steps.

  // Names are compared by ASCII case only.
  /// Returns the column's place in `key`, from 1; 0: it is not in the key.
  std::uint32_t KeyPositionOf(std::string_view column) const;
  /// Returns the column's type in `types`. Absent: its type is guessed.
  std::optional<Type> DeclaredTypeOf(std::string_view column) const;
};

/// Whether two headers have the same column names in the same order, by ASCII case only.
bool HaveSameNames(const std::vector<std::string>& header, const std::vector<std::string>& other);

/// The recorded findings about one column.
struct FileColumn {
  std::string name;
  Type type = Type::kUnspecified;
  bool comma = false;  ///< Its reals have a decimal comma.
};

/// A file, with its status at the time of the look.
struct FileSeen {
  std::string path;
  struct stat status = {};
  bool mended = false;  ///< A CSV file with corrected rows that were rejected before.
};

/// The state of a table's files at one look.
struct FileState {
  std::string path;  ///< Path of the first file.
  std::int64_t size = 0, written_ns = 0;
  bool ended = true;  ///< The last line has a line end.
  friend bool operator==(const FileState&, const FileState&) = default;
};

/// One table of a folder at one look.
struct FileLook {
  FileTable table;
  std::string path;             ///< Path of the first file.
  std::vector<FileSeen> files;  ///< In reading order.
  TableSchema schema;           ///< The source's form, with the types of the file's values.
  const TenantHashKey* hash_key = nullptr;
  std::vector<bool> guessed;         ///< For each column: its type is guessed.
  std::vector<bool> comma;           ///< For each column: its reals have a decimal comma.
  Decimals decimals;                 ///< The decimal marks that its numbers may have.
  std::vector<FileColumn> recorded;  ///< Findings of the last run; empty: there are none.
  char decimal = 0;                  ///< The value of CsvOptions.decimal for these findings.
  FileState taken;                   ///< Files whose rows the last run took; `size` is 0: none.
  FileState held;      ///< Files that the last run left for a second look; `path` is empty: none.
  bool typed = false;  ///< The column types are recorded, or were guessed from rows.
  /// See SourceTable::later.
  std::string later;
  std::string mended;      ///< File of corrected rows, read after the table's own files; empty: none.
  std::uint64_t rows = 0;  ///< The number of rows that the last scan counted.

  /// See HaveSameNames().
  bool HasHeader(const std::vector<std::string>& header) const;
  /// Returns the schema in the sent form.
  TableSchema Given() const;
  /// Checks that no file changed since the look. Errors: kAborted: a file was replaced or written to.
  absl::Status CheckEnd() const;
  /// Checks that all files have the same columns. Errors: a file cannot be read, or its columns differ from
  /// those of the first file.
  absl::Status CheckHeaders() const;
  /// Opens the rows of all its files, unchanged.
  absl::StatusOr<std::unique_ptr<FileRows>> OpenRows() const;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_LOOK_H_
