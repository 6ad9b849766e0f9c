#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_XLSX_ROWS_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_XLSX_ROWS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/source/files/rows/file_rows.h"

namespace mirror {

/// One sheet of an Excel workbook (Office Open XML, .xlsx), whose first row that holds something names the
/// columns. `sheet`: its name; empty: the first one.
///
/// Cells are texts here, as a CSV file would have them: numbers with at most 15 digits, as Excel shows them;
/// dates and times as 2024-05-01, 12:30:00 or 2024-05-01 12:30:00, by the format of their cell, in the
/// workbook's own calendar (1900 or 1904), also where the cell has them as texts of ISO 8601; logical values
/// as 1 and 0. Formulas give the value that was stored with them. An empty cell is no value, and a row of
/// nothing but blanks is passed over. A row is wrong with an error in a cell (#N/A), or with one whose text
/// or format the workbook does not have. Columns end with the last one that the header names. Parts of the
/// workbook are found by its relations.
///
/// Errors: kNotFound; kPermissionDenied; kInvalidArgument: it is no workbook, has no such sheet, or no
/// header.
absl::StatusOr<std::unique_ptr<FileRows>> OpenXlsx(const std::string& path, const std::string& sheet);

/// A file that is open already, and can be read from any place; it is closed with the rows. Errors:
/// kInvalidArgument; kDataLoss; kNotFound: a part; kResourceExhausted: a limit.
absl::StatusOr<std::unique_ptr<FileRows>> ReadXlsx(int file, const std::string& sheet,
                                                   const FileLimits& limits);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_XLSX_ROWS_H_
