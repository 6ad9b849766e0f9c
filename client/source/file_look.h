#ifndef MIRROR_CLIENT_SOURCE_FILE_LOOK_H_
#define MIRROR_CLIENT_SOURCE_FILE_LOOK_H_

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/source/csv_rows.h"
#include "client/source/file_rows.h"
#include "client/source/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// One table of a folder of files.
struct FileTable {
  std::string name;
  std::string file;  ///< A pattern with '*'; of several files the last one by name is the table's state.
  std::vector<std::string> key;            ///< Names of columns. Empty: the table has none.
  std::map<std::string, Type> types = {};  ///< Of columns, where they are not to be guessed.
  CsvOptions csv = {};
  bool workbook = false;   ///< It is .xlsx, else CSV.
  std::string sheet = {};  ///< Of a workbook; empty: the first one.
  TableSteps steps = {};   ///< Rows and values as they are sent; what else they say is for who reads this.
};

/// One table of a folder as of one look at it.
struct FileLook {
  FileTable table;
  std::string path;
  struct stat status = {};
  TableSchema schema;  ///< As its values stand in the file.
  const TenantHashKey* hash_key = nullptr;
  std::vector<bool> guessed;  ///< Of each column, whether its type is.
  bool typed = false;         ///< Its types are known, or were guessed by rows.
  std::string later;
  std::string mended;      ///< A file with rows that count as its own, behind them; empty: there is none.
  std::uint64_t rows = 0;  ///< Of the last scan.

  bool HasHeader(const std::vector<std::string>& header) const;
  /// As its values are given.
  TableSchema Given() const;
  /// kAborted: the file is another one by now.
  absl::Status CheckEnd() const;
};

/// Rows of a file of the table's kind.
absl::StatusOr<std::unique_ptr<FileRows>> OpenRows(const std::string& path, const FileTable& table);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILE_LOOK_H_
