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
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/snapshot_look.h"
#include "server/hub/store/hub_file.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// Finds the tenant that a data source is. Errors: kNotFound: it is not there yet, or any more.
using FindMember = std::function<absl::StatusOr<std::shared_ptr<Tenant>>(const std::string& data_source)>;

/// Deliveries that one call is given, at most: what an agent applies before it pushes again.
inline constexpr std::size_t kHandedOutMax = 10'000;
inline constexpr std::size_t kHandedOutBytesMax = 16 << 20;

/// What a caller gets.
struct HandedOut {
  std::vector<HubDelivery> deliveries;
  bool whole = false;        ///< Nothing was cut off, and no member is suspended.
  std::string waiting = {};  ///< Why there is nothing now, a sentence; empty: it is all that there is.
};

/// How a member stands, for an operator.
struct MemberState {
  std::string data_source;
  HubFeed feed;
  std::string trouble = {};  ///< Why it was not looked at the last time; empty: it was.
  HubFile::Figures figures = {};
};

/// The golden records of one storage: reads its members' mirrors, derives, hands out deliveries.
///
/// Errors of all calls: those of HubFile; of Derive() also those of the members' snapshots.
/// Threads: any; one derivation at a time. No lock of a tenant is held while the file is written.
class Hub {
 public:
  /// `open`: opens its file, when that is first needed.
  Hub(HubRules rules, OpenHubFile open, FindMember find);

  const HubRules& rules() const { return rules_; }

  /// Takes in what the members' last completed cycles left, and tells them how far it has read. `modes`:
  /// members that are resumed. Gives what somebody should hear of.
  absl::StatusOr<std::vector<HubNote>> Derive(std::int64_t now_ms,
                                              const std::map<std::string, ResumeMode>& modes = {});
  /// What HubFile::News says. Nobody who derives keeps these waiting.
  absl::Status NoteNews();
  absl::StatusOr<HubFile::News> ReadNews();

  /// For the source of a member behind its cycle: `cycle` is the last one that it completed. Reads only.
  absl::StatusOr<HandedOut> HandOut(const std::string& data_source, std::int64_t cycle, std::size_t limit);

  /// An operator's. Errors: kFailedPrecondition: a member has completed no cycle since it was suspended;
  /// kInvalidArgument: `newest` where a table of it has no 'changed'; `data_source` is none of it.
  absl::Status Resume(const std::map<std::string, ResumeMode>& modes, std::int64_t now_ms);
  absl::StatusOr<std::size_t> DecideHeld(bool commit);
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id, std::int64_t now_ms);
  absl::StatusOr<std::vector<MemberState>> Members();
  /// Where another server derives: so that Members() knows here, too, why one cannot be looked at.
  void Look(std::int64_t now_ms);
  /// How many records there are, and whether whatever is new is held.
  struct Figures {
    std::uint64_t records = 0;
    bool holds_all = false;
  };
  absl::StatusOr<Figures> Count();
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
  };

  absl::StatusOr<HubFile*> File() MIRROR_EXCLUDES(file_mutex_);
  absl::Status TakeFlags(HubFile& file, std::int64_t now_ms);
  absl::Status CheckResumed(HubFile& file, const std::map<std::string, ResumeMode>& modes,
                            std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<std::vector<HubNote>> DeriveAlone(HubFile& file, std::int64_t now_ms,
                                                   const std::map<std::string, ResumeMode>& modes)
      MIRROR_REQUIRES(mutex_);
  Looks LookAtAll(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  absl::Status Acknowledge(Looks looks, const Derived& derived, std::int64_t now_ms);
  absl::StatusOr<std::string> WhyNot(const std::string& data_source, std::int64_t cycle,
                                     const std::map<std::string, HubFeed>& feeds);
  absl::StatusOr<Explained> ExplainIn(HubBook& book, const std::string& golden_id);
  absl::StatusOr<bool> MayGo(HubBook& book, const HubDelivery& delivery,
                             const std::map<std::string, HubFeed>& feeds,
                             const std::set<std::string>& suspended);

  const HubRules rules_;
  const OpenHubFile open_;
  const FindMember find_;
  Mutex mutex_;  ///< Before file_mutex_.
  std::map<std::string, std::string> trouble_ MIRROR_GUARDED_BY(mutex_);
  Mutex file_mutex_;
  std::unique_ptr<HubFile> file_ MIRROR_GUARDED_BY(file_mutex_);  ///< Null: it was not opened yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_H_
