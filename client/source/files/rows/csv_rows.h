#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_CSV_ROWS_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_CSV_ROWS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/source/files/rows/file_rows.h"

namespace mirror {

/// By it a file of DOS ends.
inline constexpr char kEndOfDosFile = '\x1a';

enum class CsvEncoding { kUtf8, kLatin1, kWindows1252 };

struct CsvOptions {
  char separator = 0;  ///< 0: that of ',', ';', tab and '|' which stands most often in the header.
  char quote = '"';
  char decimal =
      0;  ///< Of numbers; 0: a point, and where ';' separates, in each column either that or a comma.
  CsvEncoding encoding = CsvEncoding::kUtf8;
};

/// A CSV file after RFC 4180, whose first row names the columns. Lines end with LF or CR LF, also mixed; a
/// byte-order mark, empty lines, rows of nothing but separators and blanks, and a last 0x1A are passed over;
/// a line end within quotes belongs to the value. Nothing between two separators is no value; two quotes are
/// an empty one, which makes a row of a table with a single column. A row with other than the header's number
/// of fields, or with a quote where none may stand, is wrong.
///
/// Errors: kNotFound; kPermissionDenied; kInvalidArgument: there is no header, it is UTF-16, or its lines end
/// otherwise.
absl::StatusOr<std::unique_ptr<FileRows>> OpenCsv(const std::string& path, const CsvOptions& options);

/// A file that is open already, read from where it stands; it is closed with the rows. Errors:
/// kInvalidArgument; kResourceExhausted: a limit.
absl::StatusOr<std::unique_ptr<FileRows>> ReadCsv(int file, const CsvOptions& options,
                                                  const FileLimits& limits);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_CSV_ROWS_H_
