#ifndef MIRROR_BASE_DB_SQLITE_FILE_LAYOUT_H_
#define MIRROR_BASE_DB_SQLITE_FILE_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;

namespace mirror {

/// Returns the version of this program.
std::string_view ProgramVersion();

/// The layout of one of our files: a number, which each kind of file counts from 1, and the version of the
/// program that wrote the file.
struct FileLayout {
  std::int64_t number = 1;
  std::string program = {};  ///< Empty: the file is older than this field.
  friend bool operator==(const FileLayout&, const FileLayout&) = default;
};

/// The layouts of a kind of file that this program knows. To change the content, increase `present` and add a
/// step that converts the previous layout to the new one. If somebody removed the number from a file, all
/// steps run on it. A step must therefore leave content unchanged that is already converted.
struct KnownLayout {
  struct Step {
    std::int64_t to = 0;
    absl::Status (*take)(sqlite3* database) = nullptr;
  };
  std::string_view what;  ///< Name for people: "the mirror file".
  std::int64_t present = 1;
  std::vector<Step> steps = {};
};

/// Returns kFailedPrecondition if a later version of the program wrote the file. The message says which
/// version to install or, if that is unknown, what else to do.
absl::Status CheckLayout(const FileLayout& found, const KnownLayout& known, const std::string& path);

// In SQLite files the layout is a row of `_mirror_layout`, whose own form never changes.

/// Reads the layout. Absent: the file has no layout (version 0.1.0 wrote none), or the value in the row is
/// not a number. Errors: kDataLoss: SQLite cannot read the file; kUnavailable: any other error of SQLite.
absl::StatusOr<std::optional<FileLayout>> ReadLayout(sqlite3* database);

/// Converts an older layout to the present one, step by step, and stores the new number. Runs in the caller's
/// write transaction. `unnumbered`: the layout of a file without a number. Errors: those of CheckLayout(),
/// ReadLayout() and the steps; the caller rolls back.
absl::Status TakeOver(sqlite3* database, const KnownLayout& known, std::int64_t unnumbered,
                      const std::string& path);

/// Returns true if TakeOver() has work to do, so that callers can avoid a transaction otherwise.
/// Errors: those of CheckLayout() and ReadLayout().
absl::StatusOr<bool> IsOlder(sqlite3* database, const KnownLayout& known, const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_FILE_LAYOUT_H_
