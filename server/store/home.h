#ifndef MIRROR_SERVER_STORE_HOME_H_
#define MIRROR_SERVER_STORE_HOME_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/mirror_contents.h"
#include "server/store/snapshot.h"
#include "server/store/store.h"

namespace mirror {

/// How much of a tenant is deleted.
enum class Deleted : std::uint8_t {
  kAll,         ///< Also the copies that were set aside.
  kMirrorOnly,  ///< The copies that were set aside stay.
  kForgotten,   ///< kAll, and without a mark that it was deleted: the tenant may be made again at once.
};

/// On kNotFound and kDataLoss of StoreHome::Open: a mirror that was served is missing; for people. kNotFound:
/// its place was provably reset to a state before the mirror was made, and a new one may be made.
inline constexpr char kLostPayload[] = "mirror.store/lost";
/// On kUnavailable: the mirror is just being made, moved or deleted; nothing is wrong with it.
inline constexpr char kChangingPayload[] = "mirror.store/changing";
/// On kDataLoss: a table that the mirror keeps for itself is missing.
inline constexpr char kMissingPayload[] = "mirror.store/missing";
/// On kNotFound: this home knows no such mirror; for people. A server that served it knows that it was lost.
inline constexpr char kForgottenPayload[] = "mirror.store/forgotten";

/// The result of a copy becoming the mirror.
struct ReplacedMirror {
  std::string kept;                        ///< Place of the mirror that was replaced; empty: there was none.
  std::vector<std::string> left_out = {};  ///< Objects that the copy lacks: see MirrorContents.
  bool was_deleted = false;                ///< It was, and now is not: see StoreHome::AllowAgain().
};

/// A copy of one tenant's mirror, within its home and no part of it until Replace() or Keep(). The destructor
/// removes it; the next StoreHome::Recover() removes one that a kill left. Errors of every call:
/// kUnavailable. Threads: one at a time.
class MirrorCopy {
 public:
  virtual ~MirrorCopy() = default;

  /// Fills the copy, once: from a mirror as it is now, of a store of any kind, or from a file, see
  /// StoreHome::CheckCopyIn(). On disk when it returns. Returns MirrorContents::left_out. Errors:
  /// as Snapshot::CopyTo and CopyContents().
  virtual absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) = 0;
  virtual absl::Status CopyOf(const std::string& path) = 0;
  virtual std::uint64_t Bytes() const = 0;
  /// Opens the copy to read or change it before it becomes the mirror; the caller closes it before that.
  /// Errors: those of StoreHome::Open; kFailedPrecondition with the reason if it is not this tenant's mirror.
  virtual absl::StatusOr<std::unique_ptr<Store>> Open() = 0;
  /// Replaces the tenant's mirror, which nothing may have open. The former mirror stays beside it.
  /// On disk when it returns. After an error the tenant has its former mirror. If only a sync of the disk
  /// failed, it has the copy. Where that takes long, `go_on` is called as in CopyOf(). Errors:
  /// kCancelled, too.
  virtual absl::StatusOr<ReplacedMirror> Replace(std::int64_t now_ms, const GoOnCopying& go_on) = 0;
  /// Makes the copy the mirror of a tenant that has none. `place`: see HomePlaces::Check(). Errors:
  /// kFailedPrecondition, too: there is a mirror, which was left unchanged.
  virtual absl::StatusOr<ReplacedMirror> PutWhereNoneIs(const std::string& place,
                                                        const GoOnCopying& go_on) = 0;
  /// Keeps the copy beside the mirror as that is now; returns its place. On disk when it returns.
  virtual absl::StatusOr<std::string> Keep(std::int64_t now_ms) = 0;

  // Transfer of a copy through the network, as bytes.

  /// Returns at most `most` of its bytes from offset `from` on; empty at the end.
  virtual absl::StatusOr<std::string> ReadBytes(std::uint64_t from, std::size_t most) = 0;
  /// Fills the copy instead of CopyOf(): appends what ReadBytes() returned, in order. A call with no bytes
  /// puts everything appended so far on disk.
  virtual absl::Status AddBytes(std::string_view bytes) = 0;
};

/// Moves a mirror from one place of its home to another, while no call writes to it. However this ends, also
/// by a kill, one of the two places serves the mirror, and the tenant's next PlaceMove continues from there.
/// Errors of every call: kUnavailable; those of copying. Threads: one at a time.
class PlaceMove {
 public:
  virtual ~PlaceMove() = default;

  /// The place that the mirror is served from.
  virtual const std::string& from() const = 0;
  /// True: the mirror is already served from the new place, and only Tidy() is left.
  virtual bool IsDone() const = 0;
  /// Removes what an earlier copy left and fills the new place, which serves no one yet. Returns
  /// MirrorContents::left_out. Errors: kFailedPrecondition, too: the place has a schema of someone else's.
  virtual absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) = 0;
  /// Opens the filled copy for reading.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenCopy() = 0;
  /// Serves the mirror from the new place once it returns OK. Errors: kAborted, too: the old place's data
  /// beside its rows differs from the copy, or another move came first; nothing was changed.
  virtual absl::Status Switch() = 0;
  /// After Switch(): renames the old mirror. Returns its new place; empty: it no longer exists.
  virtual absl::StatusOr<std::string> Tidy(std::int64_t now_ms) = 0;
  /// Instead of Switch(): removes the filled copy. The mirror stays at its old place.
  virtual absl::Status TakeBack() = 0;
};

/// The named places of a home. Errors and threads: as StoreHome.
class HomePlaces {
 public:
  virtual ~HomePlaces() = default;

  /// Checks that a new mirror can be put into `place`; empty: into any place with room. Errors:
  /// kInvalidArgument, with the list of places.
  virtual absl::Status Check(const std::string& place) const = 0;
  /// Checks that every server that has these mirrors could serve one there. Errors: kFailedPrecondition,
  /// naming a server that could not.
  virtual absl::Status CheckShared(const std::string& place) const = 0;
  /// Returns the mirror's place; empty: this home has no places, or there is no such mirror.
  virtual absl::StatusOr<std::string> Find(const std::string& context_id) = 0;
  /// Makes a move, which continues an earlier one if that was left. Errors: kInvalidArgument: as Check().
  virtual absl::StatusOr<std::unique_ptr<PlaceMove>> NewMove(const std::string& context_id,
                                                             const std::string& place) = 0;
};

/// The result of making a copy.
struct CopyReport {
  std::uint64_t bytes = 0;
  std::vector<std::string> left_out = {};  ///< See MirrorContents.
};

/// The mirrors of all tenants. Users of this interface know no file, folder or database. It belongs to one
/// process while it is open, unless it IsShared(). Context ids have been checked.
///
/// Errors of every call: kUnavailable, with the place and what to do. Threads: any; but calls for one
/// tenant's mirror run one after the other, except reads: `Tenant` ensures this by its lock.
class StoreHome {
 public:
  /// A mirror that exists, or that was begun.
  struct Found {
    std::string context_id;
    std::string quarantine;  ///< Why it is damaged, lost or unreadable; empty: no such reason is known.
    bool has_log = false;    ///< A kill left the last commits outside of its file; opening it takes them in.
  };
  struct Space {
    std::uint64_t free_bytes = 0;  ///< Bytes that this process may still write.
    std::uint64_t size_bytes = 0;
  };
  /// Called before a new mirror is built. Its result is released once the mirror is built, or given up. Its
  /// error becomes the error of Open().
  using BeginBuilding = std::function<absl::StatusOr<std::shared_ptr<void>>()>;

  virtual ~StoreHome() = default;

  /// Repairs what a kill left half done, except deletions, and lists the mirrors. Called at the start, before
  /// any mirror is opened.
  virtual absl::StatusOr<std::vector<Found>> Recover() = 0;

  /// Whether other processes use it, too: then cycles outlive this process, and Recover()'s list goes stale.
  virtual bool IsShared() const = 0;
  /// Lists the mirrors that exist now, in their own spelling. `quarantine` is set for one that this home can
  /// only report and cannot open for anyone; such a mirror hides no other.
  virtual absl::StatusOr<std::vector<Found>> FindAll() = 0;
  /// Returns the spelling of the mirror that has this name by ASCII case, also while it is being deleted.
  /// Absent: there is none.
  virtual absl::StatusOr<std::optional<std::string>> FindSpelling(const std::string& context_id) = 0;
  /// Returns the mirrors with a running cycle that made no progress since `before_ms`, whichever process
  /// began it. For shared homes. Leaves out mirrors that cannot be read.
  virtual absl::StatusOr<std::vector<std::string>> FindIdle(std::int64_t before_ms) = 0;
  /// Returns the mirrors with messages queued for hooks. For shared homes. Leaves out unreadable ones.
  virtual absl::StatusOr<std::vector<std::string>> FindWithHooks() = 0;
  /// Whether FindDeleting() or FindDeleted() lists it now.
  virtual absl::StatusOr<bool> IsDeleted(const std::string& context_id) = 0;
  virtual bool Exists(const std::string& context_id) const = 0;
  /// Opens a tenant's mirror; makes it when `create` says so, or when it was begun before.
  ///   kNotFound            it does not exist; see kLostPayload
  ///   kFailedPrecondition  the place has the mirror of another context id: it is not trusted
  ///   kDataLoss            as in Store; those of `begin_building`
  virtual absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& context_id, bool create,
                                                      const BeginBuilding& begin_building) = 0;
  /// Takes away a mirror that cannot be used, so that a new one can be made; it stays for inspection. Returns
  /// its new place; empty: it was gone already. First begins a new mirror, `owner`'s and without a cycle, so
  /// that the tenant always has an owner. Nothing may have the mirror open.
  virtual absl::StatusOr<std::string> SetAside(const std::string& context_id, std::int64_t now_ms,
                                               const std::optional<TenantRecord>& owner) = 0;

  /// Returns a number that tells a mirror from a later one of its name; 0: only this process makes mirrors.
  virtual absl::StatusOr<std::int64_t> FindEpoch(const std::string& context_id) = 0;
  /// Notes that a tenant is being deleted; on disk when it returns, and may be called again. A deletion that
  /// began as kAll stays kAll. `epoch`: deletes only the mirror that had this FindEpoch(); 0: any mirror.
  /// Errors: kAborted, too: that mirror was deleted or moved meanwhile, and nothing was noted.
  virtual absl::Status BeginDeletion(const std::string& context_id, Deleted what = Deleted::kAll,
                                     std::int64_t epoch = 0) = 0;
  /// After BeginDeletion(): removes the mirror, what was begun of it and, for kAll, what was kept of it.
  /// Then notes that it is deleted, except for kForgotten. Nothing may have it open. After an error it can be
  /// called again.
  virtual absl::Status FinishDeletion(const std::string& context_id) = 0;
  /// Removes the note that it was deleted.
  virtual absl::Status AllowAgain(const std::string& context_id) = 0;
  /// Return the tenants whose deletion was begun, and those whose deletion is finished.
  virtual absl::StatusOr<std::vector<std::string>> FindDeleting() = 0;
  virtual absl::StatusOr<std::vector<std::string>> FindDeleted() = 0;

  /// Makes an import, to be filled with another store's contents; Finish() makes it the tenant's mirror.
  /// Errors: kFailedPrecondition, from Finish() too: the tenant has a mirror here.
  virtual absl::StatusOr<std::unique_ptr<MirrorImport>> NewImport(const std::string& context_id) = 0;

  virtual HomePlaces& places() = 0;

  /// Makes an empty copy. Errors: kUnavailable, and then nothing was done.
  virtual absl::StatusOr<std::unique_ptr<MirrorCopy>> NewCopy(const std::string& context_id) = 0;
  /// Checks that a copy may be written to `path`, on the server's machine. Errors: kInvalidArgument when it
  /// is relative, or within the home.
  virtual absl::Status CheckCopyOut(const std::string& path) const = 0;
  /// Checks that a copy can be read from `path`. Errors: those of CheckCopyOut(), and
  ///   kNotFound            there is no such file
  ///   kFailedPrecondition  the file alone does not hold the whole copy
  virtual absl::Status CheckCopyIn(const std::string& path) const = 0;
  /// Writes the tenant's mirror as it is now, of a store of any kind, into a new file. Errors:
  /// as Snapshot::CopyTo and CopyContents().
  virtual absl::StatusOr<CopyReport> CopyOut(const std::string& context_id, Snapshot& mirror,
                                             const std::string& path, const GoOnCopying& go_on) = 0;

  /// Returns the place of a tenant's mirror, present or future: for messages, for partners, and for code that
  /// runs in its database beside the server. Empty: it is in none of several places.
  virtual std::string Location(const std::string& context_id) const = 0;
  /// Returns the mirror's size, log included; 0: it does not exist.
  virtual std::uint64_t Bytes(const std::string& context_id) const = 0;
  /// Returns how many of those bytes are in its log.
  virtual std::uint64_t LogBytes(const std::string& context_id) const = 0;
  /// Errors: kUnimplemented: the store cannot tell, watch its disks yourself; others: the disk's.
  virtual absl::StatusOr<Space> FindSpace() const = 0;
  /// Returns the space where copies are made until they are kept or become mirrors, see NewCopy().
  virtual absl::StatusOr<Space> FindCopySpace() const = 0;
  /// Returns the reasons why mirrors or their data cannot be written or made durable now, a sentence each:
  /// for example a full disk, or a standby that is not named. Leaves nothing behind.
  virtual std::vector<std::string> TryWriting() const = 0;
  /// Returns the median time of several writes of 4 KB that are on disk when they return.
  virtual absl::StatusOr<std::chrono::microseconds> SyncTime() const = 0;
};

/// Databases of mirrors that did not answer at the start. Nothing is served from them until they were
/// checked. Threads: any.
class ClosedPlaces {
 public:
  virtual ~ClosedPlaces() = default;

  struct Told {
    std::string place;
    bool is_open = false;
    std::string words = {};  ///< For people.
  };
  using Tell = std::function<void(const Told&)>;
  /// Calls `tell` for each closed place. Then tries them in a thread of its own, and calls `tell` when one
  /// opens, or answers with a problem. What `tell` refers to must outlive Stop().
  virtual void Start(Tell tell) = 0;
  /// Waits for the attempt that is running. May be called again.
  virtual void Stop() = 0;
  /// Returns the names of the places that are closed now, in the order of the configuration.
  virtual std::vector<std::string> FindClosed() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_HOME_H_
