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

/// The file of one hub, opened twice when it is first needed: for derivations, and for those who only look,
/// whom a derivation does not keep waiting. Errors of every call: those of HubFiles; kUnavailable behind
/// Close(). Threads: any.
class OpenedFiles {
 public:
  /// `rules` outlive it.
  OpenedFiles(const HubRules& rules, HubFiles files) : rules_(rules), files_(std::move(files)) {}

  absl::StatusOr<std::shared_ptr<HubFile>> ToDerive();
  absl::StatusOr<std::shared_ptr<HubFile>> ToLook();
  /// Nothing is opened any more.
  void Close();
  /// Removes the file, also one that cannot be opened. Nobody uses it.
  absl::Status Remove();

 private:
  absl::Status Open() MIRROR_REQUIRES(mutex_);

  const HubRules& rules_;
  const HubFiles files_;
  Mutex mutex_;
  /// Null: it was not opened yet, or is closed.
  std::shared_ptr<HubFile> to_derive_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<HubFile> to_look_ MIRROR_GUARDED_BY(mutex_);  ///< Opened with it.
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
};

/// By data source: why it was not looked at the last time.
struct HubTrouble {
  std::map<std::string, std::string> words = {};
  std::set<std::string> absent = {};  ///< Of these, those that are not there.
  /// By data source, a sentence: a table of it was away or made anew since the hub read it.
  std::map<std::string, std::string> remade = {};
};

/// The trouble of the last look at all members, for those who ask while the next look is under way.
/// Threads: any.
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

/// Finds the tenant that a data source is. Errors: kNotFound: it is not there yet, or any more.
using FindMember = std::function<absl::StatusOr<std::shared_ptr<Tenant>>(const std::string& data_source)>;

/// Deliveries that one call is given, at most: what an agent applies before it pushes again.
inline constexpr std::size_t kHandedOutMax = 10'000;
/// Of one call, and of one delivery: a larger one is never handed out.
inline constexpr std::size_t kHandedOutBytesMax = 16 << 20;

/// A rewriting of its file that failed is tried again after this, and not with each derivation: it reads all
/// of the file, and waits for who reads that.
inline constexpr std::int64_t kRewriteAgainMs = 60'000;

/// Deliveries that a preview names, and rows of each record.
inline constexpr std::size_t kPreviewMax = 20;
/// Frozen records that a preview of a thaw names.
inline constexpr std::size_t kFrozenMax = 1'000;

/// What a caller gets.
struct HandedOut {
  std::vector<HubDelivery> deliveries;
  bool whole = false;        ///< Nothing was cut off, and no member is suspended.
  std::string waiting = {};  ///< Why there is nothing now, a sentence; empty: it is all that there is.
  HubRules rules = {};       ///< By which they were derived.
};

/// How a member stands, for an operator.
struct MemberState {
  std::string data_source;
  HubFeed feed;
  std::string trouble = {};  ///< Why it was not looked at the last time; empty: it was, or is absent.
  bool absent = false;       ///< There is no such data source, or no mirror of it, and none was ever read.
  HubFile::Figures figures = {};
};

/// Frozen records that a hub's standing names.
inline constexpr std::size_t kFrozenNamed = 5;

/// How a hub stands.
struct HubStanding {
  std::uint64_t records = 0;
  bool holds_all = false;       ///< Whatever is new waits for an operator.
  std::int64_t derived_ms = 0;  ///< When it last derived, unix milliseconds; 0: never.
  std::vector<MemberState> members = {};
  HubFile::ByHand by_hand = {};
  HubFile::Frozen frozen = {};  ///< The oldest kFrozenNamed by name.
};

/// The golden records of one storage: reads its members' mirrors, derives, hands out deliveries.
///
/// Errors of all calls: those of HubFile; of Derive() also those of the members' snapshots.
/// Threads: any; one derivation at a time, for which ListHeld() and the other calls that only look do not
/// wait: they see what was committed last. No lock of a tenant is held while the file is written.
class Hub {
 public:
  /// `files`: opens its file, when that is first needed.
  Hub(HubRules rules, HubFiles files, FindMember find);

  const HubRules& rules() const { return rules_; }

  /// Behind what is at work: another takes its place, with other rules. All later calls are kUnavailable, or
  /// have nothing.
  void Close();

  /// Takes in what the members' last completed cycles left, and tells them how far it has read.
  absl::Status Derive(std::int64_t now_ms);
  /// What somebody should hear of, of what was derived since the last call, by whomever.
  struct Heard {
    std::vector<HubNote> notes = {};
    std::size_t overtaken_unnamed = 0;  ///< Notes that were left out.
  };
  Heard Hear();
  /// Tries again, when it is time for that, what a derivation of this server could not do: what was erased
  /// leaves the bytes of the file. Errors: kUnavailable: some of it may still be there, and why.
  absl::Status Rewrite(std::int64_t now_ms);
  /// As Derive(), and what was erased in `data_source` is in no byte of the file afterwards. Errors:
  /// kUnavailable, too: it may still be, as the data source was not read, or a program reads the file.
  absl::Status Forget(const std::string& data_source, std::int64_t now_ms);
  /// What HubFile::News says. Nobody who derives keeps these waiting.
  absl::Status NoteNews();
  absl::StatusOr<HubFile::News> ReadNews();

  /// For the source of a member behind its cycle: `cycle` is the last one that it completed. Reads only.
  absl::StatusOr<HandedOut> HandOut(const std::string& data_source, std::int64_t cycle, std::size_t limit);

  /// An operator's. Gives those that were suspended; nothing becomes of the others. Errors:
  /// kFailedPrecondition: one of them has completed no cycle since; kInvalidArgument: it is no member.
  absl::StatusOr<std::vector<std::string>> Resume(const std::map<std::string, ResumeMode>& modes,
                                                  std::int64_t now_ms);
  /// What Resume(), Decide() or Thaw() would do, of which nobody else ever sees anything.
  struct Trial {
    std::map<std::string, ResumeMode> modes = {};
    std::optional<HandDecision> decision = {};
    std::optional<std::string> thawed = {};  ///< As Thaw() takes it.
  };
  struct Preview {
    std::vector<std::string> resumed = {};
    std::uint64_t thawed = 0;
    std::vector<HubFile::FrozenRecord> frozen = {};  ///< The oldest that would be thawed, at most kFrozenMax.
    /// Records of a decision as they would be. `is_new`: another id will be given.
    struct Outcome {
      GoldenRecord record;
      std::vector<MemberRow> rows = {};  ///< At most kPreviewMax.
      std::uint64_t row_count = 0;
      bool is_new = false;
    };
    std::vector<Outcome> records = {};
    std::uint64_t withdrawn = 0;  ///< Deliveries of these records that would not be wanted any more.
    struct Count {
      std::uint64_t deliveries = 0, held = 0;
    };
    std::map<DeliveryPlace, Count> made = {};
    std::vector<HubDelivery> first = {};  ///< At most kPreviewMax.
  };
  /// Errors: those of what is tried; kUnavailable: it was not read yet.
  absl::StatusOr<Preview> Try(const Trial& trial, std::int64_t now_ms);
  /// Two records become one, or some rows of one are a record of their own. Gives that record's id. Errors:
  /// those of HandPlan(); kNotFound: there is no such record. Nothing was done then.
  absl::StatusOr<std::string> Decide(HandDecision decision, std::int64_t now_ms);
  /// Removes its file, also one that cannot be read, and makes it anew. Gives the members that are suspended.
  absl::StatusOr<std::vector<std::string>> Rebuild(std::int64_t now_ms);
  /// What is held is handed out, or dropped; with `dropped` what was dropped is handed out. Gives how many.
  absl::StatusOr<std::size_t> DecideHeld(bool commit, bool dropped = false);
  /// What is held, or was dropped: how many, and the oldest `limit`. Each reason is as it is now.
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
  /// Open deliveries that their sources refused: how many, and the oldest `limit`. An empty `data_source`: of
  /// all. Errors: kNotFound: it is no member.
  struct Refused {
    std::uint64_t count = 0;
    std::vector<HubDelivery> first = {};
  };
  absl::StatusOr<Refused> ListRefused(const std::string& data_source, std::size_t limit);
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id, std::int64_t now_ms);
  /// `by_hand`: what was decided by hand is counted, too.
  absl::StatusOr<HubStanding> Stand(bool by_hand = false);
  /// Where another server derives: so that Stand() knows here, too, why a member cannot be looked at.
  void Look(std::int64_t now_ms);
  absl::StatusOr<std::vector<HubFile::Duplicate>> FindDuplicates(std::size_t limit);
  /// A record with its rows and deliveries. Errors: kNotFound.
  struct Explained {
    GoldenRecord record;
    std::vector<MemberRow> rows;
    std::vector<HubDelivery> deliveries;
  };
  absl::StatusOr<Explained> Explain(const std::string& golden_id);
  /// The same of the record that a row is in.
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
  Mutex mutex_;       ///< Of what derives or changes something; before look_mutex_.
  Mutex look_mutex_;  ///< Of what only reads the file, one at a time.
  Heard unheard_ MIRROR_GUARDED_BY(mutex_);
  struct Unwritten {
    absl::Status why = {};  ///< Ok: nothing waits, as this server knows.
    std::int64_t tried_ms = 0;
    bool IsDue(std::int64_t now_ms) const {
      return why.ok() || now_ms < tried_ms || now_ms - tried_ms >= kRewriteAgainMs;
    }
  };
  Unwritten unwritten_ MIRROR_GUARDED_BY(mutex_);
  HubTrouble trouble_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, std::string>> unread_times_
      MIRROR_GUARDED_BY(mutex_);  ///< Told of these tables.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_H_
