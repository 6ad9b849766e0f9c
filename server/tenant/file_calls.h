#ifndef MIRROR_SERVER_TENANT_FILE_CALLS_H_
#define MIRROR_SERVER_TENANT_FILE_CALLS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/snapshot.h"
#include "server/store/state_token.h"
#include "server/tenant/mirror/mirror.h"
#include "server/watch/events.h"

namespace mirror {

/// Puts another file in the mirror's place. The argument is the tenant as an operator left it. It
/// must be written into the new file before the file gets the mirror's name, see EndCycleOfCopy().
using MoveFile = std::function<absl::Status(const std::optional<TenantRecord>& before)>;
/// The state that an act on the whole mirror expects.
struct ExpectedOfAct {
  Expected expected = {};
  Act act = {};
};
/// Renames the damaged file and returns its new name. The record of the mirror's owner is kept.
using SetFileAside = std::function<absl::StatusOr<std::string>(const std::optional<TenantRecord>& owner)>;

/// Keeps an operator's decisions since the copy was made (a pause, another source) instead of the copy's.
void CarryOver(const std::optional<TenantRecord>& before, TenantRecord* restored);
/// The same in the copy itself, whose cycle ends: the copy may be from the middle of the running cycle.
/// Afterwards all of its data is in its own file. Errors: as Store; kUnavailable: it is open elsewhere.
absl::Status EndCycleOfCopy(Store& copy, const std::optional<TenantRecord>& before, std::int64_t now_ms);

/// Operator's calls on a tenant's file: check, copy, restore, set aside, trust again, remove.
/// Errors: as Mirror; kNotFound when the file is gone. Threads: any.
class FileCalls {
 public:
  /// `events` must outlive this object.
  FileCalls(Mirror& mirror, Events& events) : mirror_(mirror), events_(events) {}

  absl::Status CheckIntegrity();
  /// Opens a snapshot of the current commit, for a copy. Errors: as Store::OpenSnapshot.
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot();
  /// Closes the store, lets `move` replace the file, and ends the cycle that runs in the new file. Errors:
  /// kUnavailable: the log cannot be emptied, since a reader uses an old state or the disk is full;
  /// kFailedPrecondition: the first cycle is still making the mirror;
  /// those of `move`, which has changed nothing then.
  absl::Status ReplaceFile(const MoveFile& move, std::int64_t now_ms, const ExpectedOfAct& expected = {});
  /// Lets `put` create a mirror where there is none, or replace one that left with a move: then
  /// `replaces`. Opens it unchanged. Errors: kFailedPrecondition: another mirror exists; those of `put`.
  absl::Status TakeIn(const std::function<absl::Status(bool replaces)>& put, std::int64_t now_ms);
  /// Closes the mirror for good, refuses all later calls, and calls `decide`, then `remove` to delete
  /// the files. After an error of these, another call retries. `expected`: `decide` runs under the
  /// lock under which the state was checked; if the state differs or cannot be read, nothing is done.
  absl::Status Retire(const std::function<absl::Status()>& decide,
                      const std::function<absl::Status()>& remove, const Expected& expected = {});
  /// Whether the file is damaged or is not this tenant's mirror, so that nothing is accepted.
  bool IsUnusable();
  /// Treats the file as damaged, for the reason `why`.
  void Distrust(const absl::Status& why);
  /// Lets `set_aside` rename a file that IsUnusable(), and creates a new one
  /// of the same owner. Errors: kFailedPrecondition: the file is usable.
  absl::Status Rebuild(const SetFileAside& set_aside, std::int64_t now_ms);
  /// Ends a pause. A file that was damaged is checked again, and trusted again if the check finds nothing.
  absl::Status Resume(std::int64_t now_ms);

 private:
  /// If there is no mirror, the state is the empty one.
  absl::Status CheckExpected(const ExpectedOfAct& expected, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status LookOnceMore(const std::string& damaged, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Closes the store for `move`. `damaged`: why it is quarantined; empty: it is sound. `before`: its row.
  absl::Status CloseForMove(std::int64_t now_ms, std::string* damaged, std::optional<TenantRecord>* before)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Corrects the pause in a remembered row that cannot be read any more.
  /// If other servers write the row, too, the last reported value is used.
  void CorrectPause(TenantRecord* remembered) MIRROR_REQUIRES(mirror_.mutex());
  /// Keeps the quarantine with its former reason `damaged`.
  void StayDamaged(const std::string& damaged) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the owner of a damaged file.
  std::optional<TenantRecord> FindOwner() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  Events& events_;
  bool removed_ MIRROR_GUARDED_BY(mirror_.mutex()) = false;  ///< Retire() has removed the files.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_FILE_CALLS_H_
