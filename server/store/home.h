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

/// What of a tenant is deleted.
enum class Deleted : std::uint8_t {
  kAll,         ///< With what was set aside of it.
  kMirrorOnly,  ///< What was set aside stays.
  kForgotten,   ///< kAll, and also that it was deleted: it may be made again at once.
};

/// On kNotFound and kDataLoss of StoreHome::Open: a mirror that was served is not in its place any more, for
/// people. kNotFound: the place provably went back to before the mirror was made, and a new one may be made.
inline constexpr char kLostPayload[] = "mirror.store/lost";
/// On kUnavailable: somebody makes, moves or deletes the mirror just now, and nothing is wrong with it.
inline constexpr char kChangingPayload[] = "mirror.store/changing";
/// On kDataLoss: a table that the mirror keeps for itself was not there.
inline constexpr char kMissingPayload[] = "mirror.store/missing";
/// On kNotFound: nobody here knows of such a mirror, for people. Who has served it knows that it was lost.
inline constexpr char kForgottenPayload[] = "mirror.store/forgotten";

/// Of a copy that became the mirror.
struct ReplacedMirror {
  std::string kept;                        ///< Where what was there is now; empty: there was none.
  std::vector<std::string> left_out = {};  ///< Of the copy: see MirrorContents.
  bool was_deleted = false;                ///< And is not any more: see StoreHome::AllowAgain().
};

/// A copy of one tenant's mirror, within its home and no part of it until Replace() or Keep(). It is gone
/// with this; one that a kill left goes with the next StoreHome::Recover(). Errors of every call:
/// kUnavailable. Threads: one at a time.
class MirrorCopy {
 public:
  virtual ~MirrorCopy() = default;

  /// What it is a copy of, once: a mirror as it is now, of a store of any kind, or a file, see
  /// StoreHome::CheckCopyIn(). It is on disk when it returns. Gives MirrorContents::left_out. Errors: as
  /// Snapshot::CopyTo and CopyContents().
  virtual absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) = 0;
  virtual absl::Status CopyOf(const std::string& path) = 0;
  virtual std::uint64_t Bytes() const = 0;
  /// To be looked at, or changed before it becomes the mirror; it is closed before that. Errors: those of
  /// StoreHome::Open; kFailedPrecondition with the reason when it is no mirror of this tenant.
  virtual absl::StatusOr<std::unique_ptr<Store>> Open() = 0;
  /// Puts it in the place of the tenant's mirror, which nobody has open. What was there stays beside it. On
  /// disk when it returns. After an error the mirror is as it was, or, where only the disk could not be
  /// synced, the copy.
  /// Where that takes long, `go_on` is asked as in CopyOf(). Errors: kCancelled, too.
  virtual absl::StatusOr<ReplacedMirror> Replace(std::int64_t now_ms, const GoOnCopying& go_on) = 0;
  /// The same where there is to be none yet. `place`: see HomePlaces::Check(). Errors:
  /// kFailedPrecondition, too: there is one, which was left as it is.
  virtual absl::StatusOr<ReplacedMirror> PutWhereNoneIs(const std::string& place,
                                                        const GoOnCopying& go_on) = 0;
  /// Keeps it beside the mirror, as that is now; gives where. On disk when it returns.
  virtual absl::StatusOr<std::string> Keep(std::int64_t now_ms) = 0;

  // It crosses the network as bytes.

  /// At most `most` of its bytes from `from` on; none: that is all.
  virtual absl::StatusOr<std::string> ReadBytes(std::uint64_t from, std::size_t most) = 0;
  /// In the place of CopyOf(): what ReadBytes() gave, in its order. What a call has added is on disk once one
  /// without bytes returns.
  virtual absl::Status AddBytes(std::string_view bytes) = 0;
};

/// A mirror that goes from one place of its home to another, while no call writes to it. Whatever ends this,
/// a kill too: the mirror is served from one of the two places, and the next PlaceMove of that tenant takes
/// up what the former one left. Errors of every call: kUnavailable; those of copying. Threads: one at a time.
class PlaceMove {
 public:
  virtual ~PlaceMove() = default;

  /// Where the mirror is served from.
  virtual const std::string& from() const = 0;
  /// It is served from where it was to go: only Tidy() is left.
  virtual bool IsDone() const = 0;
  /// Removes what a former copying left, and fills the new place; nobody is served from there yet. Gives
  /// MirrorContents::left_out. Errors: kFailedPrecondition, too: somebody else's schema is there.
  virtual absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) = 0;
  /// What was filled.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenCopy() = 0;
  /// The mirror is served from there once it returns OK. Errors: kAborted, too: what the old one has beside
  /// its rows is not what was copied, or another move was quicker; nothing was changed.
  virtual absl::Status Switch() = 0;
  /// Behind it: the old one gets another name. Gives where it is; empty: it is not there any more.
  virtual absl::StatusOr<std::string> Tidy(std::int64_t now_ms) = 0;
  /// In the place of Switch(): removes what was filled. The mirror is served from where it was.
  virtual absl::Status TakeBack() = 0;
};

/// The places of a home, by their names. Errors and threads: as StoreHome.
class HomePlaces {
 public:
  virtual ~HomePlaces() = default;

  /// Whether a new mirror can be put into `place`; empty: wherever there is room. Errors: kInvalidArgument,
  /// with the places that there are.
  virtual absl::Status Check(const std::string& place) const = 0;
  /// Whether all servers that have these mirrors could serve one there. Errors: kFailedPrecondition, with one
  /// that could not.
  virtual absl::Status CheckShared(const std::string& place) const = 0;
  /// In which place the mirror is; empty: this home has none, or there is no such mirror.
  virtual absl::StatusOr<std::string> Find(const std::string& context_id) = 0;
  /// Takes up where a former move of it was left. Errors: kInvalidArgument: as Check().
  virtual absl::StatusOr<std::unique_ptr<PlaceMove>> NewMove(const std::string& context_id,
                                                             const std::string& place) = 0;
};

/// Of a copy that was made.
struct CopyReport {
  std::uint64_t bytes = 0;
  std::vector<std::string> left_out = {};  ///< See MirrorContents.
};

/// Where the mirrors of all tenants stand; whoever uses it knows no file, folder or database. It belongs to
/// one process as long as it is open, unless it IsShared(). Context ids have been checked.
///
/// Errors of every call: kUnavailable, with where and what to do. Threads: any; two calls for one tenant's
/// mirror, but those that only look, are made one after the other: `Tenant` does so under its lock.
class StoreHome {
 public:
  /// A mirror that there is, or that was begun.
  struct Found {
    std::string context_id;
    std::string quarantine;  ///< Why it is damaged, lost or unreadable; empty: that is not known.
    bool has_log =
        false;  ///< A kill left what was committed last outside of its file; opened, it takes it in.
  };
  struct Space {
    std::uint64_t free_bytes = 0;  ///< That this process may still write.
    std::uint64_t size_bytes = 0;
  };
  /// Asked before a new mirror is built; what it gives is let go of once that is there, or given up. Its
  /// refusal is that of the opening.
  using BeginBuilding = std::function<absl::StatusOr<std::shared_ptr<void>>()>;

  virtual ~StoreHome() = default;

  /// At the start, before a mirror is opened: puts right what a kill left half done, but for deletions, and
  /// lists the mirrors.
  virtual absl::StatusOr<std::vector<Found>> Recover() = 0;

  /// Other processes use it, too: its cycles outlive this one, and what Recover() listed goes on changing.
  virtual bool IsShared() const = 0;
  /// The mirrors that there are now, as they are spelled. `quarantine`: of one of which this home can say
  /// nothing else, and that it can open for nobody; it hides no other.
  virtual absl::StatusOr<std::vector<Found>> FindAll() = 0;
  /// How the mirror is spelled that has this name by ASCII case, also while it is being deleted. Absent:
  /// there is none.
  virtual absl::StatusOr<std::optional<std::string>> FindSpelling(const std::string& context_id) = 0;
  /// Where others use the home, too: the mirrors in which a cycle runs that made no progress since
  /// `before_ms`, whichever process began it. Those that cannot be read are left out.
  virtual absl::StatusOr<std::vector<std::string>> FindIdle(std::int64_t before_ms) = 0;
  /// There, too: the mirrors in which something waits for hooks. Those that cannot be read are left out.
  virtual absl::StatusOr<std::vector<std::string>> FindWithHooks() = 0;
  /// Whether it is one of FindDeleting() or FindDeleted() now.
  virtual absl::StatusOr<bool> IsDeleted(const std::string& context_id) = 0;
  virtual bool Exists(const std::string& context_id) const = 0;
  /// Opens a tenant's mirror, making it when `create` says so, or where it was begun before.
  ///   kNotFound            it is not there; see kLostPayload
  ///   kFailedPrecondition  what is there is the mirror of another context id: it is not trusted
  ///   kDataLoss            as in Store; those of `begin_building`
  virtual absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& context_id, bool create,
                                                      const BeginBuilding& begin_building) = 0;
  /// Takes a mirror away that cannot be used, so that a new one can be made; it stays for whoever wants to
  /// look at it. Gives where; empty: it was gone already. A new one is begun before that, so that the tenant
  /// is never nobody's: it is `owner`'s, without a cycle. Nobody has it open.
  virtual absl::StatusOr<std::string> SetAside(const std::string& context_id, std::int64_t now_ms,
                                               const std::optional<TenantRecord>& owner) = 0;

  /// By what a mirror is told from a later one of its name; 0: nobody but this process makes one.
  virtual absl::StatusOr<std::int64_t> FindEpoch(const std::string& context_id) = 0;
  /// Notes that a tenant is being deleted: on disk when it returns, once more is harmless. What was begun as
  /// kAll stays that. `epoch`: only of the mirror that had it by FindEpoch(); 0: of whichever there is.
  /// Errors: kAborted, too: that mirror was deleted or moved meanwhile, and nothing was noted.
  virtual absl::Status BeginDeletion(const std::string& context_id, Deleted what = Deleted::kAll,
                                     std::int64_t epoch = 0) = 0;
  /// Behind it: removes the mirror and what was begun of it, what was kept of it where all is, and then notes
  /// that it is deleted, unless that is to be forgotten. Nobody has it open. After an error it can be called
  /// again.
  virtual absl::Status FinishDeletion(const std::string& context_id) = 0;
  /// Forgets that it was deleted.
  virtual absl::Status AllowAgain(const std::string& context_id) = 0;
  /// Those whose deletion was begun, and those where it is finished.
  virtual absl::StatusOr<std::vector<std::string>> FindDeleting() = 0;
  virtual absl::StatusOr<std::vector<std::string>> FindDeleted() = 0;

  /// To be filled with what another store held, and the tenant's mirror once that is finished. Errors:
  /// kFailedPrecondition, from Finish() too: there is a mirror of the tenant here.
  virtual absl::StatusOr<std::unique_ptr<MirrorImport>> NewImport(const std::string& context_id) = 0;

  virtual HomePlaces& places() = 0;

  /// A copy without content. Errors: kUnavailable, and then nothing was done.
  virtual absl::StatusOr<std::unique_ptr<MirrorCopy>> NewCopy(const std::string& context_id) = 0;
  /// Whether a copy may be written to `path`, on the server's machine. Errors: kInvalidArgument when it is
  /// relative, or within the home.
  virtual absl::Status CheckCopyOut(const std::string& path) const = 0;
  /// Whether a copy can be read from `path`. The same errors, and
  ///   kNotFound            there is no such file
  ///   kFailedPrecondition  it is not all there by itself
  virtual absl::Status CheckCopyIn(const std::string& path) const = 0;
  /// Writes the tenant's mirror as it is now, of a store of any kind, into a new file. Errors: as
  /// Snapshot::CopyTo and CopyContents().
  virtual absl::StatusOr<CopyReport> CopyOut(const std::string& context_id, Snapshot& mirror,
                                             const std::string& path, const GoOnCopying& go_on) = 0;

  /// Where a tenant's mirror is, or would be: for messages, for partners, and for what runs in its database
  /// beside the server. Empty: it is in none of several places.
  virtual std::string Location(const std::string& context_id) const = 0;
  /// What it takes, log included; 0: it is not there.
  virtual std::uint64_t Bytes(const std::string& context_id) const = 0;
  /// Of these, what waits in its log.
  virtual std::uint64_t LogBytes(const std::string& context_id) const = 0;
  /// Errors: kUnimplemented: the store cannot tell, watch its disks yourself; others: the disk's.
  virtual absl::StatusOr<Space> FindSpace() const = 0;
  /// Where copies stand until they are kept or taken, see NewCopy().
  virtual absl::StatusOr<Space> FindCopySpace() const = 0;
  /// What keeps anything from being written, or told to be kept, where mirrors and what belongs to them
  /// stand, each in a sentence: a disk that is full, a standby that is not named. Leaves nothing behind.
  virtual std::vector<std::string> TryWriting() const = 0;
  /// Median time of several writes of 4 KB that are on disk when they return.
  virtual absl::StatusOr<std::chrono::microseconds> SyncTime() const = 0;
};

/// Databases of mirrors that did not answer at the start, and are not served from until they were looked at.
/// Threads: any.
class ClosedPlaces {
 public:
  virtual ~ClosedPlaces() = default;

  struct Told {
    std::string place;
    bool is_open = false;
    std::string words = {};  ///< For people.
  };
  using Tell = std::function<void(const Told&)>;
  /// Tells of each that is closed, and tries them from now on, in a thread of its own: tells when one opens,
  /// and what is wrong with one that answers. What `tell` refers to outlives Stop().
  virtual void Start(Tell tell) = 0;
  /// Waits for what is being tried. Once more is harmless.
  virtual void Stop() = 0;
  /// The names of those that are closed now, as the configuration lists them.
  virtual std::vector<std::string> FindClosed() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_HOME_H_
