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

/// Payload of kNotFound and kDataLoss of StoreHome::Open, with a text for people: a mirror that was served is
/// missing. With kNotFound it is proven that its place was reset to a state before the mirror was made. Then
/// a new mirror may be made.
inline constexpr char kLostPayload[] = "mirror.store/lost";
/// Payload of kUnavailable: the mirror is being made, moved or deleted at this moment, and is not damaged.
inline constexpr char kChangingPayload[] = "mirror.store/changing";
/// Payload of kDataLoss: one of the mirror's own tables is missing.
inline constexpr char kMissingPayload[] = "mirror.store/missing";
/// Payload of kNotFound, with a text for people: this home knows no such mirror. A server that served the
/// mirror concludes from this that the mirror was lost.
inline constexpr char kForgottenPayload[] = "mirror.store/forgotten";

/// The result of making a copy the mirror.
struct ReplacedMirror {
  std::string kept;                        ///< Place of the mirror that was replaced; empty: there was none.
  std::vector<std::string> left_out = {};  ///< Objects that the copy lacks, see MirrorContents.
  bool was_deleted = false;                ///< The tenant was deleted and now is not, see
                                           ///< StoreHome::AllowAgain().
};

/// A copy of one tenant's mirror, kept within its home. It becomes part of the home by Replace(),
/// PutWhereNoneIs() or Keep(); otherwise the destructor removes it. StoreHome::Recover() removes a copy that
/// a killed process left. Errors of every call: kUnavailable. Threads: one at a time.
class MirrorCopy {
 public:
  virtual ~MirrorCopy() = default;

  /// Fills the copy. The caller calls one of these functions, once. The first copies the present state of a
  /// mirror in a store of any kind. The second copies a file, see StoreHome::CheckCopyIn(). The copy is on
  /// disk on return. Returns MirrorContents::left_out. Errors: those of Snapshot::CopyTo and CopyContents().
  virtual absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) = 0;
  virtual absl::Status CopyOf(const std::string& path) = 0;
  virtual std::uint64_t Bytes() const = 0;
  /// Opens the copy, to read or change it before it becomes the mirror. The caller must close it before that.
  /// Errors: those of StoreHome::Open; kFailedPrecondition, with the reason: it is not this tenant's mirror.
  virtual absl::StatusOr<std::unique_ptr<Store>> Open() = 0;
  /// Replaces the tenant's mirror. No one may have that mirror open. The former mirror stays beside the new
  /// one. The change is on disk on return. After an error the tenant has its former mirror, with one
  /// exception: if only a sync of the disk failed, the tenant has the copy. If the call takes long, it calls
  /// `go_on` as CopyOf() does. Errors: also kCancelled.
  virtual absl::StatusOr<ReplacedMirror> Replace(std::int64_t now_ms, const GoOnCopying& go_on) = 0;
  /// Makes the copy the mirror of a tenant that has none. `place`: see HomePlaces::Check(). Errors: also
  /// kFailedPrecondition: the tenant has a mirror, which was left unchanged.
  virtual absl::StatusOr<ReplacedMirror> PutWhereNoneIs(const std::string& place,
                                                        const GoOnCopying& go_on) = 0;
  /// Keeps the copy beside the present mirror. Returns the place of the copy. It is on disk on return.
  virtual absl::StatusOr<std::string> Keep(std::int64_t now_ms) = 0;

  // Transfer of a copy through the network, as bytes.

  /// Returns at most `most` bytes of the copy, from offset `from` on. Empty: the end.
  virtual absl::StatusOr<std::string> ReadBytes(std::uint64_t from, std::size_t most) = 0;
  /// Fills the copy from ReadBytes() of another copy, instead of CopyOf(): appends `bytes`, in order. A call
  /// with empty `bytes` puts everything appended so far on disk.
  virtual absl::Status AddBytes(std::string_view bytes) = 0;
};

/// Moves a mirror from one place of its home to another, while no call writes to the mirror. After an error
/// or a kill, exactly one of the two places serves the mirror, and the tenant's next PlaceMove continues from
/// there. Errors of every call: kUnavailable; those of copying. Threads: one at a time.
class PlaceMove {
 public:
  virtual ~PlaceMove() = default;

  /// Returns the place that serves the mirror now.
  virtual const std::string& from() const = 0;
  /// Returns true if the new place already serves the mirror. Then only Tidy() is left to do.
  virtual bool IsDone() const = 0;
  /// Removes the remains of an earlier copy and fills the new place, which serves no one yet. Returns
  /// MirrorContents::left_out. Errors: also kFailedPrecondition: the place has a schema that someone else
  /// made.
  virtual absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) = 0;
  /// Opens the filled copy for reading.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenCopy() = 0;
  /// Makes the new place serve the mirror, from an OK return on. Errors: also kAborted: the data beside the
  /// rows at the old place differ from the copy, or another move came first. Nothing was changed.
  virtual absl::Status Switch() = 0;
  /// Renames the old mirror, after Switch(). Returns the new place of the old mirror; empty: it no longer
  /// exists.
  virtual absl::StatusOr<std::string> Tidy(std::int64_t now_ms) = 0;
  /// Removes the filled copy, instead of Switch(). The mirror stays at its old place.
  virtual absl::Status TakeBack() = 0;
};

/// The named places of a home. Errors and threads: as StoreHome.
class HomePlaces {
 public:
  virtual ~HomePlaces() = default;

  /// Checks that a new mirror can be put into `place`. Empty: into any place with room. Errors:
  /// kInvalidArgument, with the list of places.
  virtual absl::Status Check(const std::string& place) const = 0;
  /// Checks that all servers that share these mirrors can serve a mirror in `place`. Errors:
  /// kFailedPrecondition, with the name of a server that cannot.
  virtual absl::Status CheckShared(const std::string& place) const = 0;
  /// Returns the mirror's place; empty: this home has no places, or there is no such mirror.
  virtual absl::StatusOr<std::string> Find(const std::string& context_id) = 0;
  /// Makes a move. It continues an earlier move that did not end. Errors: kInvalidArgument, as Check().
  virtual absl::StatusOr<std::unique_ptr<PlaceMove>> NewMove(const std::string& context_id,
                                                             const std::string& place) = 0;
};

/// The result of making a copy.
struct CopyReport {
  std::uint64_t bytes = 0;
  std::vector<std::string> left_out = {};  ///< See MirrorContents.
};

/// The mirrors of all tenants. The interface hides files, folders and databases. A home is open in one
/// process at a time, unless IsShared(). The caller has checked all context ids.
///
/// Errors of every call: kUnavailable, with the place and what to do. Threads: any. But calls for one
/// tenant's mirror, reads aside, run one after the other: `Tenant` ensures this by its lock.
class StoreHome {
 public:
  /// A mirror that exists, or that was only begun.
  struct Found {
    std::string context_id;
    std::string quarantine;  ///< Why it is damaged, lost or unreadable; empty: no problem known.
    bool has_log = false;    ///< A kill left the last commits in a log beside its file. Opening takes them
                             ///< over.
  };
  struct Space {
    std::uint64_t free_bytes = 0;  ///< Bytes that this process may still write.
    std::uint64_t size_bytes = 0;
  };
  /// Called before a new mirror is built. The result is released when the mirror is built or given up. An
  /// error becomes the error of Open().
  using BeginBuilding = std::function<absl::StatusOr<std::shared_ptr<void>>()>;

  virtual ~StoreHome() = default;

  /// Repairs what a kill left half done, except deletions, and lists the mirrors. Called once, at the start,
  /// before any mirror is opened.
  virtual absl::StatusOr<std::vector<Found>> Recover() = 0;

  /// Returns whether other processes use this home too. Then cycles may outlive this process, and the list of
  /// Recover() becomes outdated.
  virtual bool IsShared() const = 0;
  /// Lists the mirrors that exist now, with context ids as they are stored. `quarantine` is set for a mirror
  /// that this home can only report but not open. Such a mirror hides no other.
  virtual absl::StatusOr<std::vector<Found>> FindAll() = 0;
  /// Returns the stored context id that equals `context_id` without ASCII case. Also finds a mirror that is
  /// being deleted: in PostgreSQL until the deletion ends, in SQLite while its file exists. Absent: there is
  /// none.
  virtual absl::StatusOr<std::optional<std::string>> FindSpelling(const std::string& context_id) = 0;
  /// Returns the mirrors with a running cycle that made no progress since `before_ms`. Any process may have
  /// begun the cycle. Skips mirrors that cannot be read. For shared homes; others return none.
  virtual absl::StatusOr<std::vector<std::string>> FindIdle(std::int64_t before_ms) = 0;
  /// Returns the mirrors with messages queued for hooks. Skips unreadable ones. For shared homes; others
  /// return none.
  virtual absl::StatusOr<std::vector<std::string>> FindWithHooks() = 0;
  /// Returns whether FindDeleting() or FindDeleted() lists this context id now.
  virtual absl::StatusOr<bool> IsDeleted(const std::string& context_id) = 0;
  virtual bool Exists(const std::string& context_id) const = 0;
  /// Opens a tenant's mirror. Makes it if `create` is true, or if an earlier call began to make it.
  ///   kNotFound            it does not exist; see kLostPayload
  ///   kFailedPrecondition  the place has the mirror of another context id: it is not trusted
  ///   kDataLoss            as in Store; those of `begin_building`
  virtual absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& context_id, bool create,
                                                      const BeginBuilding& begin_building) = 0;
  /// Sets a mirror aside that cannot be used, so that a new one can be made. The old one stays for
  /// inspection. First begins a new mirror without a cycle, owned by `owner`, so that the tenant always has
  /// an owner. Returns the place of the old mirror; empty: it did not exist. No one may have the mirror open.
  virtual absl::StatusOr<std::string> SetAside(const std::string& context_id, std::int64_t now_ms,
                                               const std::optional<TenantRecord>& owner) = 0;

  /// Returns a number that distinguishes a mirror from later mirrors of the same tenant. 0: there is no
  /// mirror, or only this process makes mirrors.
  virtual absl::StatusOr<std::int64_t> FindEpoch(const std::string& context_id) = 0;
  /// Notes that a deletion of the tenant begins. The note is on disk on return; the call may be repeated. A
  /// deletion that began as kAll stays kAll. `epoch`: deletes only the mirror for which FindEpoch() returned
  /// this number; 0: any mirror. Errors: also kAborted: that mirror was deleted or moved meanwhile. Then
  /// nothing was noted.
  virtual absl::Status BeginDeletion(const std::string& context_id, Deleted what = Deleted::kAll,
                                     std::int64_t epoch = 0) = 0;
  /// Finishes a deletion after BeginDeletion(). Removes the mirror, a mirror that was only begun and, for
  /// kAll, the copies that were set aside. Then notes that the tenant is deleted, except for kForgotten. No
  /// one may have the mirror open. After an error the call may be repeated.
  virtual absl::Status FinishDeletion(const std::string& context_id) = 0;
  /// Removes the note that the tenant was deleted.
  virtual absl::Status AllowAgain(const std::string& context_id) = 0;
  /// These two return the tenants whose deletion has begun, and those whose deletion is finished.
  virtual absl::StatusOr<std::vector<std::string>> FindDeleting() = 0;
  virtual absl::StatusOr<std::vector<std::string>> FindDeleted() = 0;

  /// Makes an import, which the caller fills with the contents of another store. MirrorImport::Finish() makes
  /// it the tenant's mirror. Errors: kFailedPrecondition, also from Finish(): the tenant has a mirror here.
  virtual absl::StatusOr<std::unique_ptr<MirrorImport>> NewImport(const std::string& context_id) = 0;

  virtual HomePlaces& places() = 0;

  /// Makes an empty copy. Errors: kUnavailable: nothing was done.
  virtual absl::StatusOr<std::unique_ptr<MirrorCopy>> NewCopy(const std::string& context_id) = 0;
  /// Checks that a copy may be written to `path`, on the server's machine. Errors: kInvalidArgument: the path
  /// is relative, or within the home.
  virtual absl::Status CheckCopyOut(const std::string& path) const = 0;
  /// Checks that a copy can be read from `path`. Errors: those of CheckCopyOut(), and
  ///   kNotFound            there is no such file
  ///   kFailedPrecondition  the file alone does not hold the whole copy
  virtual absl::Status CheckCopyIn(const std::string& path) const = 0;
  /// Writes the present state of a tenant's mirror, in a store of any kind, into a new file. Errors: those of
  /// Snapshot::CopyTo and CopyContents().
  virtual absl::StatusOr<CopyReport> CopyOut(const std::string& context_id, Snapshot& mirror,
                                             const std::string& path, const GoOnCopying& go_on) = 0;

  /// Returns the place of a tenant's mirror, present or future: for messages, for partners, and for code that
  /// runs in its database beside the server. Empty: there are several places, and the mirror is in none of
  /// them.
  virtual std::string Location(const std::string& context_id) const = 0;
  /// Returns the mirror's size in bytes, log included; 0: it does not exist.
  virtual std::uint64_t Bytes(const std::string& context_id) const = 0;
  /// Returns the number of those bytes that are in the log.
  virtual std::uint64_t LogBytes(const std::string& context_id) const = 0;
  /// Returns the space of the mirrors. Errors: kUnimplemented: the store cannot know it, and the operator has
  /// to watch the disks; others: those of the disk.
  virtual absl::StatusOr<Space> FindSpace() const = 0;
  /// Returns the space for copies until they are kept or become mirrors, see NewCopy().
  virtual absl::StatusOr<Space> FindCopySpace() const = 0;
  /// Returns the reasons why mirrors or their data cannot be written or made durable now, one sentence each.
  /// For example: a full disk, or a standby that is not named. Leaves nothing behind.
  virtual std::vector<std::string> TryWriting() const = 0;
  /// Returns the median time of several writes of 4 KB, each synced to disk.
  virtual absl::StatusOr<std::chrono::microseconds> SyncTime() const = 0;
};

/// The databases of mirrors that did not answer when the server started. Each stays closed until it answers
/// and passes all checks: until then no mirror in it is served. Threads: FindClosed(): any; Start() and
/// Stop(): one at a time. Start() runs a thread of its own.
class ClosedPlaces {
 public:
  virtual ~ClosedPlaces() = default;

  struct Told {
    std::string place;
    bool is_open = false;
    std::string words = {};  ///< For people.
  };
  using Tell = std::function<void(const Told&)>;
  /// Calls `tell` for each closed place. Then retries these places in a thread of its own. That thread calls
  /// `tell` when a place opens, and when a place answers but fails a check: once for each new text. What
  /// `tell` refers to must live until Stop() returns.
  virtual void Start(Tell tell) = 0;
  /// Ends the thread, after the attempt that is running. May be called again.
  virtual void Stop() = 0;
  /// Returns the names of the places that are closed now, in the order of the configuration.
  virtual std::vector<std::string> FindClosed() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_HOME_H_
