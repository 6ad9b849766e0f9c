#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_CSV_ROWS_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_CSV_ROWS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/source/files/rows/file_rows.h"

namespace mirror {

/// The end mark of a DOS file.
inline constexpr char kEndOfDosFile = '\x1a';

enum class CsvEncoding { kUtf8, kLatin1, kWindows1252 };

struct CsvOptions {
  char separator = 0;  ///< 0: the one of ',', ';', tab and '|' that is most frequent in the header.
  char quote = '"';
  char decimal = 0;  ///< Decimal mark; 0: a point or, with ';' as separator, per column point or comma.
  CsvEncoding encoding = CsvEncoding::kUtf8;
};

/// A CSV file after RFC 4180; its first row names the columns. Lines end with LF or CR LF, also mixed. A
/// byte-order mark, empty lines, rows of only separators and blanks, and a last 0x1A are skipped. A line end
/// within quotes belongs to the value. Nothing between two separators is NULL. Two quotes are an empty text;
/// in a table with a single column they make a row. A row is wrong if its number of fields differs from the
/// header's, or if a quote is misplaced.
///
/// Errors: kNotFound; kPermissionDenied; kInvalidArgument: it has no header, it is UTF-16, or its lines have
/// other line ends.
absl::StatusOr<std::unique_ptr<FileRows>> OpenCsv(const std::string& path, const CsvOptions& options);

/// Reads an open file from its present position; the rows close it. Errors: kInvalidArgument;
/// kResourceExhausted: a limit.
absl::StatusOr<std::unique_ptr<FileRows>> ReadCsv(int file, const CsvOptions& options,
                                                  const FileLimits& limits);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_CSV_ROWS_H_
