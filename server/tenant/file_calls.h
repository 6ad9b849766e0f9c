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

/// Puts another file in place of the mirror. `before`: the tenant's row with what an operator set. MoveFile
/// must write it into the new file before the file gets the mirror's name, see EndCycleOfCopy().
using MoveFile = std::function<absl::Status(const std::optional<TenantRecord>& before)>;
/// The state that an act on a whole mirror requires.
struct ExpectedOfAct {
  Expected expected = {};
  Act act = {};
};
/// Renames the damaged file and returns its new name. `owner`: the row with the mirror's owner, for the new
/// file.
using SetFileAside = std::function<absl::StatusOr<std::string>(const std::optional<TenantRecord>& owner)>;

/// Copies an operator's decisions (a pause, another source) from `before` to `restored`: they are newer than
/// the copy.
void CarryOver(const std::optional<TenantRecord>& before, TenantRecord* restored);
/// Calls CarryOver() for the copy's own row, and ends the cycle that runs in the copy, which may have been
/// made during a cycle. Afterwards the copy's file has all of its data. Errors: as Store; kUnavailable: the
/// copy is open elsewhere.
absl::Status EndCycleOfCopy(Store& copy, const std::optional<TenantRecord>& before, std::int64_t now_ms);

/// An operator's calls on a tenant's file: check, copy, restore, set aside, trust again, remove. Errors: as
/// Mirror; kNotFound: the file does not exist any more. Threads: any.
class FileCalls {
 public:
  /// `events` must outlive this object.
  FileCalls(Mirror& mirror, Events& events) : mirror_(mirror), events_(events) {}

  absl::Status CheckIntegrity();
  /// Opens a snapshot of the current commit, for a copy. Errors: as Store::OpenSnapshot.
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot();
  /// Closes the store, lets `move` replace the file, and ends the cycle that runs in the new file. Errors:
  /// kUnavailable: the log cannot be emptied, because a reader uses an old state or the disk is full;
  /// kFailedPrecondition: the first cycle is still creating the mirror; those of `move`, which must then have
  /// changed nothing.
  absl::Status ReplaceFile(const MoveFile& move, std::int64_t now_ms, const ExpectedOfAct& expected = {});
  /// Lets `put` create a mirror where there is none. With `replaces`, `put` replaces a mirror that left with
  /// a move. Opens the new mirror unchanged. Errors: kFailedPrecondition: another mirror exists; those of
  /// `put`.
  absl::Status TakeIn(const std::function<absl::Status(bool replaces)>& put, std::int64_t now_ms);
  /// Closes the mirror for good and refuses all later calls. Then calls `decide`, and `remove` to delete the
  /// files. After an error of one of them the call can be repeated. `expected`: compared with the state under
  /// the same lock under which `decide` runs. If the state differs or cannot be read, nothing is done.
  absl::Status Retire(const std::function<absl::Status()>& decide,
                      const std::function<absl::Status()>& remove, const Expected& expected = {});
  /// Returns whether the file is damaged or is not this tenant's mirror. Then no call is accepted.
  bool IsUnusable();
  /// Puts the file in quarantine, for the reason `why`.
  void Distrust(const absl::Status& why);
  /// Lets `set_aside` rename a file for which IsUnusable() is true, and creates a new one for the same owner.
  /// Errors: kFailedPrecondition: the file is usable.
  absl::Status Rebuild(const SetFileAside& set_aside, std::int64_t now_ms);
  /// Ends a pause. Checks a file in quarantine again, and ends the quarantine if the check finds no damage.
  absl::Status Resume(std::int64_t now_ms);

 private:
  /// Compares the state with `expected`. Without a mirror the state is the empty one.
  absl::Status CheckExpected(const ExpectedOfAct& expected, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status LookOnceMore(const std::string& damaged, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Closes the store for `move`. `damaged`: the reason of the quarantine; empty: none. `before`: the
  /// tenant's row.
  absl::Status CloseForMove(std::int64_t now_ms, std::string* damaged, std::optional<TenantRecord>* before)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Corrects the pause in `remembered`, a row that can no longer be read. If other servers write the row,
  /// too, the last reported value is used.
  void CorrectPause(TenantRecord* remembered) MIRROR_REQUIRES(mirror_.mutex());
  /// Puts the file in quarantine again, for the former reason `damaged`.
  void StayDamaged(const std::string& damaged) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the owner of a damaged file.
  std::optional<TenantRecord> FindOwner() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  Events& events_;
  bool removed_ MIRROR_GUARDED_BY(mirror_.mutex()) = false;  ///< Retire() has removed the files.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_FILE_CALLS_H_
