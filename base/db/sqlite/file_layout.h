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

/// The version of this program.
std::string_view ProgramVersion();

/// How what stands in a file of ours is arranged: a number for each kind of file, counted from 1, and the
/// version of the program that arranged it so.
struct FileLayout {
  std::int64_t number = 1;
  std::string program = {};  ///< Empty: the file is from before programs wrote themselves down.
  friend bool operator==(const FileLayout&, const FileLayout&) = default;
};

/// What this program knows of a kind of file. Whoever changes what stands in it raises `present` and says, as
/// a step, what makes the layout before it the new one. A file whose number somebody removed meets all steps:
/// a step leaves what is there already.
struct KnownLayout {
  struct Step {
    std::int64_t to = 0;
    absl::Status (*take)(sqlite3* database) = nullptr;
  };
  std::string_view what;  ///< For people: "the mirror file".
  std::int64_t present = 1;
  std::vector<Step> steps = {};
};

/// kFailedPrecondition when a later program arranged it: with what to install, and what to do otherwise.
absl::Status CheckLayout(const FileLayout& found, const KnownLayout& known, const std::string& path);

// In SQLite files the layout is a row of `_mirror_layout`, whose own form never changes.

/// Absent: it has none, as files of 0.1.0, or one that is no number. Errors: kDataLoss: SQLite cannot read
/// the file; kUnavailable: what else SQLite says.
absl::StatusOr<std::optional<FileLayout>> ReadLayout(sqlite3* database);

/// Inside of the caller's write transaction: brings an older layout to the present one, step by step, and
/// writes that down. `unnumbered` is the layout of a file that has no number. Errors: those of CheckLayout(),
/// ReadLayout() and the steps; the caller rolls back.
absl::Status TakeOver(sqlite3* database, const KnownLayout& known, std::int64_t unnumbered,
                      const std::string& path);

/// Whether TakeOver() has something to do: for who would not begin a transaction for nothing.
/// Errors: those of CheckLayout() and ReadLayout().
absl::StatusOr<bool> IsOlder(sqlite3* database, const KnownLayout& known, const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_FILE_LAYOUT_H_
