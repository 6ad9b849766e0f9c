#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_XLSX_ROWS_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_XLSX_ROWS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/source/files/rows/file_rows.h"

namespace mirror {

/// Opens one sheet of an Excel workbook (Office Open XML, .xlsx). Its first row with content names the
/// columns. `sheet`: its name; empty: the first one.
///
/// Cells become texts, as a CSV file would have them. Numbers have at most 15 digits, as Excel shows them.
/// Dates and times, also those of cells with ISO 8601 texts, are written as 2024-05-01, 12:30:00 or
/// 2024-05-01 12:30:00. The form follows from the cell's format, the value from the workbook's own calendar
/// (1900 or 1904). Logical values are 1 and 0. Formulas give their stored value. An empty cell is NULL, and a
/// row of only blanks is skipped.
///
/// A row is wrong if a cell has an error (#N/A), or a text or format that the workbook lacks. The last column
/// is the last one that the header names. Parts of the workbook are found by its relations.
///
/// Errors: kNotFound; kPermissionDenied; kInvalidArgument: it is no workbook, has no such sheet, or no
/// header.
absl::StatusOr<std::unique_ptr<FileRows>> OpenXlsx(const std::string& path, const std::string& sheet);

/// Reads an open, seekable file; the rows close it. Errors: kInvalidArgument; kDataLoss; kNotFound: a part;
/// kResourceExhausted: a limit.
absl::StatusOr<std::unique_ptr<FileRows>> ReadXlsx(int file, const std::string& sheet,
                                                   const FileLimits& limits);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_XLSX_ROWS_H_
