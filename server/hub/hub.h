#ifndef MIRROR_SERVER_HUB_HUB_H_
#define MIRROR_SERVER_HUB_HUB_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/hub/hub_file.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/snapshot_look.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// The file of one hub. It is opened twice when it is first needed: for derivations and for readers. So a
/// derivation does not make readers wait. Errors of every call: those of HubFiles; kUnavailable after
/// Close(). Threads: any.
class OpenedFiles {
 public:
  /// `rules` must outlive this object.
  OpenedFiles(const HubRules& rules, HubFiles files) : rules_(rules), files_(std::move(files)) {}

  absl::StatusOr<std::shared_ptr<HubFile>> ToDerive();
  absl::StatusOr<std::shared_ptr<HubFile>> ToLook();
  /// Closes the files. They are not opened again.
  void Close();
  /// Removes the file, even one that cannot be opened. No thread may be using it.
  absl::Status Remove();

 private:
  absl::Status Open() MIRROR_REQUIRES(mutex_);

  const HubRules& rules_;
  const HubFiles files_;
  Mutex mutex_;
  /// Null: not opened yet, or closed.
  std::shared_ptr<HubFile> to_derive_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<HubFile> to_look_ MIRROR_GUARDED_BY(mutex_);  ///< Opened and closed together with
                                                                ///< to_derive_.
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
};

/// Failures of the last reading of members.
struct HubTrouble {
  std::map<std::string, std::string> words = {};
  std::set<std::string> absent = {};  ///< Data sources in `words` that do not exist.
  /// For each data source, a sentence: one of its tables was missing, or was created again, since the hub
  /// last read it.
  std::map<std::string, std::string> remade = {};
};

/// The trouble of the last reading of all members, for callers that ask during the next reading. Threads:
/// any.
class ShownTrouble {
 public:
  void Show(HubTrouble trouble) {
    const MutexLock lock(mutex_);
    trouble_ = std::move(trouble);
  }
  HubTrouble Read() {
    const MutexLock lock(mutex_);
    return trouble_;
  }

 private:
  Mutex mutex_;
  HubTrouble trouble_ MIRROR_GUARDED_BY(mutex_);
};

/// Finds the tenant of a data source. Errors: kNotFound: it does not exist yet, or any more.
using FindMember = std::function<absl::StatusOr<std::shared_ptr<Tenant>>(const std::string& data_source)>;

/// Maximum number of deliveries that one call returns: as many as an agent applies before it pushes again.
inline constexpr std::size_t kHandedOutMax = 10'000;
/// Maximum bytes of the deliveries of one call, and of one delivery. A larger delivery is never returned.
inline constexpr std::size_t kHandedOutBytesMax = 16 << 20;

/// Minimum time, in milliseconds, between two attempts to rewrite the file. Without it each derivation would
/// try again. An attempt reads the whole file, and waits for its readers.
inline constexpr std::int64_t kRewriteAgainMs = 60'000;

/// Maximum number of deliveries that a preview names, and of rows that it names for a record.
inline constexpr std::size_t kPreviewMax = 20;
/// Maximum number of frozen records that the preview of a thaw names.
inline constexpr std::size_t kFrozenMax = 1'000;

/// The deliveries that a caller of HandOut() gets.
struct HandedOut {
  std::vector<HubDelivery> deliveries;
  bool whole = false;        ///< The list is complete, and no member is suspended.
  std::string waiting = {};  ///< A sentence that says why there is no delivery now; empty: nothing is waited
                             ///< for.
  HubRules rules = {};       ///< The rules by which the deliveries were derived.
};

/// The state of a member, for an operator.
struct MemberState {
  std::string data_source;
  HubFeed feed;
  std::string trouble = {};  ///< Why the last reading of the member failed; empty: it did not fail, or the
                             ///< member is absent.
  bool absent = false;       ///< The data source or its mirror does not exist, and was never read.
  HubFile::Figures figures = {};
};

/// Maximum number of frozen records that HubStanding names.
inline constexpr std::size_t kFrozenNamed = 5;

/// The state of a hub.
struct HubStanding {
  std::uint64_t records = 0;
  bool holds_all = false;       ///< All new deliveries wait for an operator.
  std::int64_t derived_ms = 0;  ///< Time of the last derivation, unix milliseconds; 0: never.
  std::vector<MemberState> members = {};
  HubFile::ByHand by_hand = {};
  HubFile::Frozen frozen = {};  ///< Names the oldest kFrozenNamed.
};

/// The golden records of one storage: reads the mirrors of its members, derives golden records, and returns
/// deliveries.
///
/// Errors of all calls: those of HubFile; of Derive() also those of the members' snapshots. Threads: any; one
/// derivation at a time. Calls that only read, such as ListHeld(), do not wait for it: they see the last
/// commit. No tenant's lock is held while the hub's file is written.
class Hub {
 public:
  /// `files`: opens the hub's file when it is first needed.
  Hub(HubRules rules, HubFiles files, FindMember find);

  const HubRules& rules() const { return rules_; }

  /// Waits for running work and closes the hub, because a hub with other rules replaces it. All later calls
  /// return kUnavailable, or nothing.
  void Close();

  /// Reads the members' last completed cycles and derives. Then acknowledges to the mirrors how far it has
  /// read.
  absl::Status Derive(std::int64_t now_ms);
  /// Notes for operators about derivations, by any caller, since the last Hear().
  struct Heard {
    std::vector<HubNote> notes = {};
    std::size_t overtaken_unnamed = 0;  ///< Number of notes that were left out.
  };
  Heard Hear();
  /// Tries a rewrite of the file again if it is due: erased data must leave the file's bytes, and an earlier
  /// rewrite by this server failed. Errors: kUnavailable, with the reason: some erased data may remain.
  absl::Status Rewrite(std::int64_t now_ms);
  /// Does what Derive() does. Afterwards the file has no byte of data that was erased in `data_source`.
  /// Errors: also kUnavailable: some may remain, because the data source was not read or a program reads the
  /// file.
  absl::Status Forget(const std::string& data_source, std::int64_t now_ms);
  /// See HubFile::News. These calls do not wait for a derivation.
  absl::Status NoteNews();
  absl::StatusOr<HubFile::News> ReadNews();

  /// Returns the deliveries for a member's source after its cycle. `cycle`: the last cycle that the source
  /// completed. Only reads.
  absl::StatusOr<HandedOut> HandOut(const std::string& data_source, std::int64_t cycle, std::size_t limit);

  /// Resumes suspended members for an operator. Returns the members that were suspended; does not change
  /// others. Errors: kFailedPrecondition: one of them has completed no cycle since its suspension;
  /// kInvalidArgument: one is not a member.
  absl::StatusOr<std::vector<std::string>> Resume(const std::map<std::string, ResumeMode>& modes,
                                                  std::int64_t now_ms);
  /// The acts of a preview: arguments of Resume(), Decide() or Thaw(). Their changes are rolled back and
  /// never visible to others.
  struct Trial {
    std::map<std::string, ResumeMode> modes = {};
    std::optional<HandDecision> decision = {};
    std::optional<std::string> thawed = {};  ///< The argument of Thaw().
  };
  struct Preview {
    std::vector<std::string> resumed = {};
    std::uint64_t thawed = 0;
    std::vector<HubFile::FrozenRecord> frozen = {};  ///< The oldest records that would be thawed, at most
                                                     ///< kFrozenMax.
    /// A record after a decision. `is_new`: the real decision gives the record another id.
    struct Outcome {
      GoldenRecord record;
      std::vector<MemberRow> rows = {};  ///< At most kPreviewMax.
      std::uint64_t row_count = 0;
      bool is_new = false;
    };
    std::vector<Outcome> records = {};
    std::uint64_t withdrawn = 0;  ///< Number of deliveries of these records that would be withdrawn.
    struct Count {
      std::uint64_t deliveries = 0, held = 0;
    };
    std::map<DeliveryPlace, Count> made = {};
    std::vector<HubDelivery> first = {};  ///< At most kPreviewMax.
  };
  /// Returns what a trial would do. Errors: those of its act; kUnavailable: the hub was not read yet.
  absl::StatusOr<Preview> Try(const Trial& trial, std::int64_t now_ms);
  /// Merges two records, or splits some rows of one record into a new record. Returns the id of the merged or
  /// new record. Errors: those of HandPlan(); kNotFound: there is no such record. Then nothing was done.
  absl::StatusOr<std::string> Decide(HandDecision decision, std::int64_t now_ms);
  /// Removes the hub's file, even an unreadable one, and creates it again. Returns the members that are then
  /// suspended.
  absl::StatusOr<std::vector<std::string>> Rebuild(std::int64_t now_ms);
  /// Opens held deliveries (`commit`) or drops them; with `dropped` opens dropped ones. Returns their number.
  absl::StatusOr<std::size_t> DecideHeld(bool commit, bool dropped = false);
  /// Why a delivery is held. ListHeld() lists held or dropped deliveries: their number, and the oldest
  /// `limit`, each with its present reason.
  enum class HeldWhy : std::uint8_t { kMany, kUnsure, kAnew };
  struct Held {
    std::map<DeliveryPlace, std::uint64_t> counts = {};
    struct One {
      HubDelivery delivery;
      HeldWhy why = HeldWhy::kMany;
    };
    std::vector<One> first = {};
  };
  absl::StatusOr<Held> ListHeld(std::size_t limit, bool dropped = false);
  /// Lists open deliveries that their sources refused: their number, and the oldest `limit`. Empty
  /// `data_source`: those of all members. Errors: kNotFound: it is not a member.
  struct Refused {
    std::uint64_t count = 0;
    std::vector<HubDelivery> first = {};
  };
  absl::StatusOr<Refused> ListRefused(const std::string& data_source, std::size_t limit);
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id, std::int64_t now_ms);
  /// Returns the state of the hub. `by_hand`: also counts what operators decided by hand.
  absl::StatusOr<HubStanding> Stand(bool by_hand = false);
  /// Reads the members on a server that does not derive, so that Stand() knows there, too, which members
  /// cannot be read.
  void Look(std::int64_t now_ms);
  absl::StatusOr<std::vector<HubFile::Duplicate>> FindDuplicates(std::size_t limit);
  /// Returns a record with its rows and deliveries. Errors: kNotFound.
  struct Explained {
    GoldenRecord record;
    std::vector<MemberRow> rows;
    std::vector<HubDelivery> deliveries;
  };
  absl::StatusOr<Explained> Explain(const std::string& golden_id);
  /// Does the same for the record of a row.
  absl::StatusOr<Explained> ExplainRow(const RowRef& ref);

 private:
  struct Looks {
    std::map<std::string, std::shared_ptr<Tenant>> tenants;
    std::map<std::string, std::unique_ptr<SnapshotLook>> looks;
    std::set<std::string> unfit = {};  ///< See DeriveInput.
  };

  using Modes = std::map<std::string, ResumeMode>;
  absl::Status TakeFlags(HubFile& file, std::int64_t now_ms);
  Looks LookAtAll(std::int64_t now_ms, bool writes = true) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Derived> DeriveAlone(std::int64_t now_ms, const Modes& asked,
                                      const std::optional<HandDecision>& decision, bool forgets = false)
      MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Derived> DeriveIn(HubFile& file, std::int64_t now_ms, const Modes& modes,
                                   const std::optional<HandDecision>& decision, bool forgets)
      MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Derived> Plan(HubFile& file, DeriveInput input, Looks* looks) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Modes> ToResume(HubFile& file, const Modes& modes, const Looks& looks)
      MIRROR_REQUIRES(mutex_);
  absl::StatusOr<std::string> WhyNot(const std::string& data_source, std::int64_t cycle,
                                     const std::map<std::string, HubFeed>& feeds) MIRROR_REQUIRES(mutex_);

  const HubRules rules_;
  OpenedFiles files_;
  ShownTrouble shown_;
  const FindMember find_;
  Mutex mutex_;       ///< For calls that derive or change; taken before look_mutex_.
  Mutex look_mutex_;  ///< For calls that only read the file, one at a time.
  Heard unheard_ MIRROR_GUARDED_BY(mutex_);
  struct Unwritten {
    absl::Status why = {};  ///< Ok: no rewrite is due, as far as this server knows.
    std::int64_t tried_ms = 0;
    bool IsDue(std::int64_t now_ms) const {
      return why.ok() || now_ms < tried_ms || now_ms - tried_ms >= kRewriteAgainMs;
    }
  };
  Unwritten unwritten_ MIRROR_GUARDED_BY(mutex_);
  HubTrouble trouble_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, std::string>> unread_times_
      MIRROR_GUARDED_BY(mutex_);  ///< Tables already reported.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_H_
