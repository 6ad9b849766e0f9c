#ifndef MIRROR_SERVER_BACKUP_H_
#define MIRROR_SERVER_BACKUP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/snapshot.h"
#include "server/tenants.h"

namespace mirror {

/// A table of a copy that was restored and compared.
struct DrilledTable {
  TableRecord record;
  RangeDigest digest;
};

struct BackupReport {
  std::uint64_t bytes = 0;
  std::vector<DrilledTable> tables;  ///< With a drill.
};

/// Copies the tenant's mirror, as it is committed now, into `path`, while it is in use. `drill`: the copy is
/// then restored in a folder of its own, its integrity is checked, and each table is compared by digests with
/// the mirror as it was at the moment of the copy; `path` may then be empty, and nothing is kept.
///   kInvalidArgument  `path` is relative, or within the data folder
///   kAlreadyExists    something is there
///   kNotFound         the tenant, or its file
///   kDataLoss         the drill: the copy is damaged, or not equal; says where
///   others as Snapshot::CopyTo
absl::StatusOr<BackupReport> BackupMirror(Tenants& tenants, const std::string& context_id,
                                          const std::string& path, bool drill, const GoOn& go_on);

struct RestoreReport {
  std::uint64_t bytes = 0;
  std::uint32_t tables = 0;
};

/// Puts a copy in the place of the tenant's mirror, which need not be there, and ends the running cycle. The
/// copy stays.
///   kInvalidArgument     `path` is relative, or the context id none
///   kNotFound            there is no such file
///   kFailedPrecondition  the copy is no whole mirror of this tenant; its first cycle is making a mirror
///   kUnavailable         a reader holds the mirror's log; the disk. The mirror is as it was.
absl::StatusOr<RestoreReport> RestoreMirror(Tenants& tenants, const std::string& context_id,
                                            const std::string& path, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_BACKUP_H_
