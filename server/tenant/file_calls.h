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

/// Puts another file in the mirror's place. Its argument is the tenant as an operator left it; that must be
/// written into the file before the file gets the mirror's name, see EndCycleOfCopy().
using MoveFile = std::function<absl::Status(const std::optional<TenantRecord>& before)>;
/// What an act on the whole mirror rests on.
struct ExpectedOfAct {
  Expected expected = {};
  Act act = {};
};
/// Renames the damaged file and returns its new name. The record of who owns the mirror is kept.
using SetFileAside = std::function<absl::StatusOr<std::string>(const std::optional<TenantRecord>& owner)>;

/// An operator's decisions since the copy was made (a pause, another source) override what the copy says.
void CarryOver(const std::optional<TenantRecord>& before, TenantRecord* restored);
/// The same in the copy itself, whose cycle ends: it may be from the middle of the very cycle that runs. All
/// of it is in its own file then. Errors: as Store; kUnavailable when somebody else has it open.
absl::Status EndCycleOfCopy(Store& copy, const std::optional<TenantRecord>& before, std::int64_t now_ms);

/// A tenant's file as an operator handles it: checked, copied, put back, set aside, believed again, removed.
/// Errors: as Mirror; kNotFound when the file is gone. Threads: any.
class FileCalls {
 public:
  /// `events` outlives it.
  FileCalls(Mirror& mirror, Events& events) : mirror_(mirror), events_(events) {}

  absl::Status CheckIntegrity();
  /// What is committed now, for a copy. Errors: as Store::OpenSnapshot.
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot();
  /// Closes the store, lets `move` put another file in its place, and ends the cycle that runs in that one.
  /// Errors: kUnavailable while its log cannot be emptied, as when somebody reads an old state or the disk is
  /// full; kFailedPrecondition while the mirror is being made;
  /// those of `move`, which has then changed nothing.
  absl::Status ReplaceFile(const MoveFile& move, std::int64_t now_ms, const ExpectedOfAct& expected = {});
  /// Lets `put` put a mirror here, where there is none, or one that left with a move: then `replaces`. It is
  /// opened, and is as it came. Errors: kFailedPrecondition: there is another one; those of `put`.
  absl::Status TakeIn(const std::function<absl::Status(bool replaces)>& put, std::int64_t now_ms);
  /// Closes it for good, every later call is refused, and calls `decide`, then `remove` for what is on disk.
  /// Again after an error of them: tries that once more. `expected`: `decide` is called under the lock under
  /// which the state was found to be that one; where it is not, or cannot be read, nothing is done.
  absl::Status Retire(const std::function<absl::Status()>& decide,
                      const std::function<absl::Status()>& remove, const Expected& expected = {});
  /// Its file is damaged, or is no mirror of this tenant's: it takes nothing.
  bool IsUnusable();
  /// What is there cannot be worked with, as `why` says: it counts as damaged.
  void Distrust(const absl::Status& why);
  /// Lets `set_aside` rename a file that IsUnusable(), and makes a new one of the same owner. Errors:
  /// kFailedPrecondition when it is not.
  absl::Status Rebuild(const SetFileAside& set_aside, std::int64_t now_ms);
  /// Ends a pause. A file that was damaged is looked at once more, and believed again when nothing is found.
  absl::Status Resume(std::int64_t now_ms);

 private:
  /// Where there is no mirror, the state is the empty one.
  absl::Status CheckExpected(const ExpectedOfAct& expected, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status LookOnceMore(const std::string& damaged, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Closes it for `move`. `damaged`: why it takes nothing; empty: it is sound. `before`: its row.
  absl::Status CloseForMove(std::int64_t now_ms, std::string* damaged, std::optional<TenantRecord>* before)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Of a row that is not to be read any more: paused or not, as it was told last where other servers write
  /// it, too.
  void CorrectPause(TenantRecord* remembered) MIRROR_REQUIRES(mirror_.mutex());
  /// It stays as it is: `damaged` counts as before.
  void StayDamaged(const std::string& damaged) MIRROR_REQUIRES(mirror_.mutex());
  /// Whose a damaged file is.
  std::optional<TenantRecord> FindOwner() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  Events& events_;
  bool removed_ MIRROR_GUARDED_BY(mirror_.mutex()) = false;  ///< What is on disk, by Retire().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_FILE_CALLS_H_
