#ifndef MIRROR_SERVER_TENANT_BACKUP_H_
#define MIRROR_SERVER_TENANT_BACKUP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/snapshot.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// A table of a copy that was restored and compared.
struct DrilledTable {
  TableRecord record;
  RangeDigest digest;
};

struct BackupReport {
  std::uint64_t bytes = 0;
  std::vector<DrilledTable> tables;   ///< With a drill.
  std::vector<std::string> left_out;  ///< For people: see MirrorContents.
};

/// How far a backup is.
struct BackupStep {
  const char* doing = "copying";  ///< "comparing" in a drill.
  std::uint64_t done = 0;         ///< Bytes, or tables.
  std::uint64_t all = 0;          ///< Of how many.
};
/// Called every few megabytes and before each table; may be empty.
using ShowBackup = std::function<void(const BackupStep&)>;

/// Copies the tenant's mirror, as it is committed now, into `path`, while it is in use. `drill`: the copy is
/// then restored in a folder of its own, its integrity is checked, and each table is compared by digests with
/// the mirror as it was at the moment of the copy; `path` may then be empty, and nothing is kept.
///   kInvalidArgument  `path` is relative, or within the home
///   kAlreadyExists    something is there
///   kNotFound         its file
///   kDataLoss         the drill: the copy is damaged, or not equal; says where
///   others as Snapshot::CopyTo
absl::StatusOr<BackupReport> BackupMirror(Tenants& tenants, Tenant& tenant, const std::string& path,
                                          bool drill, const GoOn& go_on, const ShowBackup& show = {});

struct RestoreReport {
  std::uint64_t bytes = 0;
  std::uint32_t tables = 0;
  std::string kept;                        ///< Where the mirror as it was is; empty: there was none.
  std::vector<std::string> left_out = {};  ///< Of the copy, for people: see MirrorContents.
};

/// Puts a copy in the place of the tenant's mirror, which need not be there, and ends the running cycle. The
/// copy stays, and so does the mirror as it was, beside it. A tenant that was deleted is allowed again.
///   kInvalidArgument     `path` is relative, or the context id none
///   kNotFound            there is no such file
///   kFailedPrecondition  the copy is no whole mirror of this tenant; its first cycle is making a mirror
///   kUnavailable         a reader, or a full disk, keeps the mirror's log from being emptied; the disk. The
///                        mirror is as it was.
/// `expected`: as of a dry run, see WouldRestore(); the mirror or the copy is another one:
/// kFailedPrecondition with kStaleTokenPayload, and nothing was done.
absl::StatusOr<RestoreReport> RestoreMirror(Tenants& tenants, const std::string& context_id,
                                            const std::string& path, std::int64_t now_ms,
                                            const Expected& expected = {});

struct ResetReport {
  std::vector<std::string> tables;         ///< Those that were dropped.
  std::string kept;                        ///< Where the mirror as it was is; empty: it had no tables.
  std::vector<std::string> left_out = {};  ///< Of what is kept, for people: see MirrorContents.
};

/// Drops all tables of the tenant, and keeps a copy beside the mirror. One that is damaged, or no mirror, is
/// set aside as it is, and a new one of the same owner made in its place. Errors: kResourceExhausted when
/// the disk has no room for the copy; those of a backup.
/// `expected`: as of a dry run; a mirror that cannot be read is never what was shown.
absl::StatusOr<ResetReport> ResetMirror(Tenants& tenants, Tenant& tenant, std::int64_t now_ms,
                                        const GoOn& go_on, const Expected& expected = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_BACKUP_H_
