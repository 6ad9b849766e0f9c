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
  std::string file;  ///< A pattern with '*'; of several files the last one by name is the table's state.
  bool all_files = false;                  ///< All of them are, the last one by name first.
  std::vector<std::string> key;            ///< Names of columns. Empty: the table has none.
  std::map<std::string, Type> types = {};  ///< Of columns, where they are not to be guessed.
  CsvOptions csv = {};
  bool workbook = false;   ///< It is .xlsx, else CSV.
  std::string sheet = {};  ///< Of a workbook; empty: the first one.
  TableSteps steps = {};   ///< Rows and values as they are sent; what else they say is for who reads this.

  // Names are compared by ASCII case only.
  /// The column's place in `key`, from 1; 0: it is not in the key.
  std::uint32_t KeyPositionOf(std::string_view column) const;
  /// The column's type in `types`. Absent: its type is guessed.
  std::optional<Type> DeclaredTypeOf(std::string_view column) const;
};

/// Whether two headers name the same columns in the same order, by ASCII case only.
bool HaveSameNames(const std::vector<std::string>& header, const std::vector<std::string>& other);

/// What is on record of a column.
struct FileColumn {
  std::string name;
  Type type = Type::kUnspecified;
  bool comma = false;  ///< Its reals have a decimal comma.
};

/// A file as it was when it was looked at.
struct FileSeen {
  std::string path;
  struct stat status = {};
  bool mended = false;  ///< Rows that were left out, as CSV.
};

/// The files of a table as they stood.
struct FileState {
  std::string path;  ///< Of the first one.
  std::int64_t size = 0, written_ns = 0;
  bool ended = true;  ///< The last line has its end.
  friend bool operator==(const FileState&, const FileState&) = default;
};

/// One table of a folder as of one look at it.
struct FileLook {
  FileTable table;
  std::string path;             ///< Of the first file.
  std::vector<FileSeen> files;  ///< In the order in which they are read.
  TableSchema schema;           ///< As its values stand in the file.
  const TenantHashKey* hash_key = nullptr;
  std::vector<bool> guessed;  ///< Of each column, whether its type is.
  std::vector<bool> comma;    ///< Of each column, whether its reals were found to have a decimal comma.
  Decimals decimals;          ///< That its numbers may have.
  std::vector<FileColumn> recorded;  ///< As the last run left it; empty: there was none.
  char decimal = 0;                  ///< CsvOptions.decimal with which that was found.
  FileState taken;                   ///< Of which the last run took the rows; without a size: none.
  FileState held;                    ///< That it left for a second look; without a path: none.
  bool typed = false;                ///< Its types are known, or were guessed by rows.
  std::string later;
  std::string mended;      ///< A file with rows that count as its own, behind them; empty: there is none.
  std::uint64_t rows = 0;  ///< Of the last scan.

  /// As HaveSameNames().
  bool HasHeader(const std::vector<std::string>& header) const;
  /// As its values are given.
  TableSchema Given() const;
  /// kAborted: a file is another one by now.
  absl::Status CheckEnd() const;
  /// Errors: a file cannot be read, or has other columns than the first one.
  absl::Status CheckHeaders() const;
  /// All rows of its files, as they stand there.
  absl::StatusOr<std::unique_ptr<FileRows>> OpenRows() const;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_LOOK_H_
