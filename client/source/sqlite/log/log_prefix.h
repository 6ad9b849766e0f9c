#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_PREFIX_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_PREFIX_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// The entries of a log, from a position on, that existed when rows of its table were read. If an older state
/// of the source is restored with SQLite's backup interface meanwhile, entries disappear or are replaced; the
/// schema version then changes, as with every schema change. If the entries are the same, each row that
/// differs from what was read has a later entry. Threads: one.
class LogPrefix {
 public:
  LogPrefix(std::string log, std::int64_t from) : log_(std::move(log)), from_(from), until_(from) {}

  /// In a look: notes the entries added since the last look. kAborted: the source was restored; if this look
  /// cannot detect that, Check() does.
  absl::Status See(const SqliteFile& file);
  /// Checks that all noted entries still exist, otherwise kAborted. Reads each entry once for each schema
  /// change between two calls, independent of the number of looks.
  absl::Status Check(const SqliteFile& file);
  /// A record was written after all noted entries; it disappears if the source is restored to an earlier
  /// state. So only later entries need a check.
  void Settle();

 private:
  static absl::Status Restored();
  absl::StatusOr<std::uint64_t> Hash(const SqliteFile& file, std::int64_t behind, std::uint64_t hash,
                                     std::int64_t* until) const;

  std::string log_;
  std::int64_t from_, until_;
  std::uint64_t hash_ = 0;
  // PRAGMA schema_version.
  std::int64_t checked_ = -1;  ///< At this version all noted entries are known to exist.
  std::int64_t seen_ = -1;     ///< Version at the last See().
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_PREFIX_H_
