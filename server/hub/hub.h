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

/// The file of one hub, opened twice when it is first needed: once for derivations, once for
/// readers, so that a derivation does not make readers wait. Errors of every call: those of
/// HubFiles; kUnavailable after Close(). Threads: any.
class OpenedFiles {
 public:
  /// `rules` must outlive it.
  OpenedFiles(const HubRules& rules, HubFiles files) : rules_(rules), files_(std::move(files)) {}

  absl::StatusOr<std::shared_ptr<HubFile>> ToDerive();
  absl::StatusOr<std::shared_ptr<HubFile>> ToLook();
  /// Closes the files and opens none any more.
  void Close();
  /// Removes the file, even one that cannot be opened. No thread may use it.
  absl::Status Remove();

 private:
  absl::Status Open() MIRROR_REQUIRES(mutex_);

  const HubRules& rules_;
  const HubFiles files_;
  Mutex mutex_;
  /// Null: not opened yet, or closed.
  std::shared_ptr<HubFile> to_derive_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<HubFile> to_look_ MIRROR_GUARDED_BY(mutex_);  ///< Opened together with to_derive_.
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
};

/// Members that could not be read the last time, by data source, with the reason.
struct HubTrouble {
  std::map<std::string, std::string> words = {};
  std::set<std::string> absent = {};  ///< Of these, data sources that do not exist.
  /// By data source, a sentence: a table of it was missing or made anew since the hub read it.
  std::map<std::string, std::string> remade = {};
};

/// The trouble at the last reading of all members, for callers that ask
/// while the next reading runs. Threads: any.
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

/// Finds the tenant of a data source. Errors: kNotFound: it does not exist yet, or no longer.
using FindMember = std::function<absl::StatusOr<std::shared_ptr<Tenant>>(const std::string& data_source)>;

/// The most deliveries that one call returns: as many as an agent applies before it pushes again.
inline constexpr std::size_t kHandedOutMax = 10'000;
/// The limit for one call, and for one delivery: a larger one is never handed out.
inline constexpr std::size_t kHandedOutBytesMax = 16 << 20;

/// Milliseconds until a failed rewrite of the file is tried again, instead of with each derivation:
/// it reads the whole file, and waits for its readers.
inline constexpr std::int64_t kRewriteAgainMs = 60'000;

/// The most deliveries that a preview names, and rows of each record.
inline constexpr std::size_t kPreviewMax = 20;
/// The most frozen records that a preview of a thaw names.
inline constexpr std::size_t kFrozenMax = 1'000;

/// The deliveries that a caller gets.
struct HandedOut {
  std::vector<HubDelivery> deliveries;
  bool whole = false;        ///< Nothing was cut off, and no member is suspended.
  std::string waiting = {};  ///< Why there is nothing now, a sentence; empty: this is all there is.
  HubRules rules = {};       ///< The rules that derived them.
};

/// The state of a member, for an operator.
struct MemberState {
  std::string data_source;
  HubFeed feed;
  std::string trouble = {};  ///< Why it was not read the last time; empty: it was, or it is absent.
  bool absent = false;       ///< No such data source or no mirror of it exists, and none was ever read.
  HubFile::Figures figures = {};
};

/// The number of frozen records that a hub's standing names.
inline constexpr std::size_t kFrozenNamed = 5;

/// The state of a hub.
struct HubStanding {
  std::uint64_t records = 0;
  bool holds_all = false;       ///< Everything new waits for an operator.
  std::int64_t derived_ms = 0;  ///< Time of the last derivation, unix milliseconds; 0: never.
  std::vector<MemberState> members = {};
  HubFile::ByHand by_hand = {};
  HubFile::Frozen frozen = {};  ///< The oldest kFrozenNamed by name.
};

/// The golden records of one storage: reads its members' mirrors, derives, and hands out deliveries.
///
/// Errors of all calls: those of HubFile; of Derive() also those of the members' snapshots.
/// Threads: any; one derivation at a time. ListHeld() and the other calls that only read do not wait for it:
/// they see the last commit. No lock of a tenant is held while the file is written.
class Hub {
 public:
  /// `files`: opens the hub's file when it is first needed.
  Hub(HubRules rules, HubFiles files, FindMember find);

  const HubRules& rules() const { return rules_; }

  /// Waits for running work and closes the hub: one with other rules replaces it. All
  /// later calls give kUnavailable, or nothing.
  void Close();

  /// Reads the members' last completed cycles, and tells their mirrors how far it has read.
  absl::Status Derive(std::int64_t now_ms);
  /// Notes for operators about what any caller derived since the last Hear().
  struct Heard {
    std::vector<HubNote> notes = {};
    std::size_t overtaken_unnamed = 0;  ///< Notes that were left out.
  };
  Heard Hear();
  /// Retries, when it is due, a rewrite of the file that failed in a derivation of this server: erased data
  /// must leave the file's bytes. Errors: kUnavailable: some of it may remain, with the reason.
  absl::Status Rewrite(std::int64_t now_ms);
  /// Does Derive(); afterwards no byte of the file holds what was erased in `data_source`. Errors:
  /// kUnavailable, too: some may remain: the data source was not read, or a program reads the file.
  absl::Status Forget(const std::string& data_source, std::int64_t now_ms);
  /// See HubFile::News. A derivation does not make these wait.
  absl::Status NoteNews();
  absl::StatusOr<HubFile::News> ReadNews();

  /// For the source of a member after its cycle: `cycle` is the last one it completed. Reads only.
  absl::StatusOr<HandedOut> HandOut(const std::string& data_source, std::int64_t cycle, std::size_t limit);

  /// Resumes members for an operator. Returns those that were suspended; the others do not change. Errors:
  /// kFailedPrecondition: one of them has completed no cycle since; kInvalidArgument: one is no member.
  absl::StatusOr<std::vector<std::string>> Resume(const std::map<std::string, ResumeMode>& modes,
                                                  std::int64_t now_ms);
  /// The acts to preview: of Resume(), Decide() or Thaw(); nothing of them is ever visible to others.
  struct Trial {
    std::map<std::string, ResumeMode> modes = {};
    std::optional<HandDecision> decision = {};
    std::optional<std::string> thawed = {};  ///< The argument of Thaw().
  };
  struct Preview {
    std::vector<std::string> resumed = {};
    std::uint64_t thawed = 0;
    std::vector<HubFile::FrozenRecord> frozen = {};  ///< The oldest to be thawed, at most kFrozenMax.
    /// Records after a decision. `is_new`: the record will get another id.
    struct Outcome {
      GoldenRecord record;
      std::vector<MemberRow> rows = {};  ///< At most kPreviewMax.
      std::uint64_t row_count = 0;
      bool is_new = false;
    };
    std::vector<Outcome> records = {};
    std::uint64_t withdrawn = 0;  ///< Deliveries of these records that would be withdrawn.
    struct Count {
      std::uint64_t deliveries = 0, held = 0;
    };
    std::map<DeliveryPlace, Count> made = {};
    std::vector<HubDelivery> first = {};  ///< At most kPreviewMax.
  };
  /// Previews a trial. Errors: those of its act; kUnavailable: the hub was not read yet.
  absl::StatusOr<Preview> Try(const Trial& trial, std::int64_t now_ms);
  /// Merges two records, or splits some rows of one into a record of their own. Returns that record's id.
  /// Errors: those of HandPlan(); kNotFound: there is no such record. Then nothing was done.
  absl::StatusOr<std::string> Decide(HandDecision decision, std::int64_t now_ms);
  /// Removes its file, even an unreadable one, and makes it anew. Returns the members that are suspended.
  absl::StatusOr<std::vector<std::string>> Rebuild(std::int64_t now_ms);
  /// Opens held deliveries, or drops them; with `dropped` opens dropped ones. Returns how many.
  absl::StatusOr<std::size_t> DecideHeld(bool commit, bool dropped = false);
  /// Lists held or dropped deliveries: their number, and the oldest `limit`. Each reason is the present one.
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
  /// Lists open deliveries that their sources refused: their number, and the oldest `limit`. An empty
  /// `data_source`: of all. Errors: kNotFound: it is no member.
  struct Refused {
    std::uint64_t count = 0;
    std::vector<HubDelivery> first = {};
  };
  absl::StatusOr<Refused> ListRefused(const std::string& data_source, std::size_t limit);
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id, std::int64_t now_ms);
  /// `by_hand`: also counts what operators decided by hand.
  absl::StatusOr<HubStanding> Stand(bool by_hand = false);
  /// Reads the members where another server derives, so that Stand() knows here, too, which cannot be read.
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
  Mutex mutex_;       ///< For what derives or changes; before look_mutex_.
  Mutex look_mutex_;  ///< For what only reads the file, one at a time.
  Heard unheard_ MIRROR_GUARDED_BY(mutex_);
  struct Unwritten {
    absl::Status why = {};  ///< Ok: nothing waits, as far as this server knows.
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
