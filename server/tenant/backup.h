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

/// A table of a backup copy that a drill restored and compared.
struct DrilledTable {
  TableRecord record;
  RangeDigest digest;
};

struct BackupReport {
  std::uint64_t bytes = 0;
  std::vector<DrilledTable> tables;   ///< Filled by a drill.
  std::vector<std::string> left_out;  ///< What the copy does not contain, as text for people: see
                                      ///< MirrorContents.
};

/// Progress of a backup.
struct BackupStep {
  const char* doing = "copying";  ///< "comparing" in a drill.
  std::uint64_t done = 0;         ///< Bytes copied, or tables compared.
  std::uint64_t all = 0;          ///< Total number of bytes or tables.
};
/// Called every few megabytes and before each table; may be empty.
using ShowBackup = std::function<void(const BackupStep&)>;

/// Copies the tenant's committed mirror to `path`, while the mirror is in use. `drill`: then restores the
/// copy in a temporary folder, checks its integrity, and compares each table by digests with the mirror as of
/// the copy. With `drill`, `path` may be empty: then no copy is kept.
///   kInvalidArgument  `path` is relative, or within the home
///   kAlreadyExists    a file with this name exists
///   kNotFound         the mirror's file does not exist
///   kDataLoss         drill: the copy is damaged, or not equal; the message says where
///   others as Snapshot::CopyTo
absl::StatusOr<BackupReport> BackupMirror(Tenants& tenants, Tenant& tenant, const std::string& path,
                                          bool drill, const GoOn& go_on, const ShowBackup& show = {});

struct RestoreReport {
  std::uint64_t bytes = 0;
  std::uint32_t tables = 0;
  std::string kept;                        ///< Path of the former mirror after the restore; empty: there was
                                           ///< none.
  std::vector<std::string> left_out = {};  ///< What the copy does not contain, as text for people: see
                                           ///< MirrorContents.
};

/// Replaces the tenant's mirror, which need not exist, with a copy, and ends the running cycle. The copy
/// is not removed, and the former mirror is kept beside the new one. A deleted tenant is allowed again.
///   kInvalidArgument     `path` is relative, or the context id is not valid
///   kNotFound            there is no such file
///   kFailedPrecondition  the copy is not a whole mirror of this tenant; or the first cycle still runs
///   kUnavailable         the mirror's log cannot be emptied (a reader, a full disk); a disk error. The
///                        mirror is unchanged.
/// `expected`: the state that a dry run saw, see WouldRestore(). If the mirror or the copy
/// has changed since: kFailedPrecondition with kStaleTokenPayload, and nothing was done.
absl::StatusOr<RestoreReport> RestoreMirror(Tenants& tenants, const std::string& context_id,
                                            const std::string& path, std::int64_t now_ms,
                                            const Expected& expected = {});

struct ResetReport {
  std::vector<std::string> tables;         ///< Tables that were dropped.
  std::string kept;                        ///< Path of the copy of the former mirror; empty: it had no
                                           ///< tables.
  std::vector<std::string> left_out = {};  ///< What that copy does not contain: see MirrorContents.
};

/// Drops all tables of the tenant, and keeps a copy of them beside the mirror. A file that is damaged, or is
/// not a mirror, is renamed, and a new mirror of the same owner replaces it. Errors: kResourceExhausted: the
/// disk has no room for the copy; those of a backup. `expected`: the state that a dry run saw. A mirror that
/// cannot be read never matches it.
absl::StatusOr<ResetReport> ResetMirror(Tenants& tenants, Tenant& tenant, std::int64_t now_ms,
                                        const GoOn& go_on, const Expected& expected = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_BACKUP_H_
