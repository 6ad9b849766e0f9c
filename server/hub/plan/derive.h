#ifndef MIRROR_SERVER_HUB_PLAN_DERIVE_H_
#define MIRROR_SERVER_HUB_PLAN_DERIVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/component.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/member_look.h"

namespace mirror {

/// What an operator says of one record: with which other it is one, or which of its rows are a record of
/// their own.
struct HandDecision {
  std::string golden_id;
  std::string other_id = {};        ///< Empty: it is parted.
  std::vector<RowRef> rows = {};    ///< Empty: it is merged.
  std::int64_t* records = nullptr;  ///< Number of the last record; a new one takes the next.
};

/// Does that to a component that has the records, whose ids are of records that are there. `golden_id` of the
/// decision becomes that of the merged record, the older of the two, or of the new one. Before MatchPlan().
/// Errors: kInvalidArgument: they are one already, or of two entities; a row is not in the record, or none is
/// left in it. Nothing was changed then.
absl::Status HandPlan(HandDecision* decision, Component* component);

/// Something that an operator should hear of.
struct HubNote {
  enum class Kind : std::uint8_t { kSuspended, kPingPong, kUnsure, kHeld, kOvertaken, kUnreadTime };
  Kind kind = Kind::kSuspended;
  std::string data_source = {};
  std::string golden_id = {}, attribute = {};
  /// kOvertaken: an edit of `data_source`, its version, lost against one of this.
  std::string won = {};
  std::int64_t lost_ms = 0, won_ms = 0;
  /// kUnreadTime: in so many rows of this table `changed` is a text that is no time by the rules.
  std::string table = {};
  std::uint64_t rows = 0;
  friend bool operator==(const HubNote&, const HubNote&) = default;
};

/// Notes of edits that lost, of one derivation.
inline constexpr std::size_t kOvertakenMax = 20;

struct DeriveInput {
  std::int64_t now_ms = 0;
  /// By data source: members that are as a completed cycle left them. The others are not looked at.
  std::map<std::string, MemberLook*> looks = {};
  /// By data source: the last cycle that began. What is suspended waits for a later one.
  std::map<std::string, std::int64_t> cycles = {};
  /// Members that the rules do not fit any more, as where a mapped column is gone: suspended, if they were
  /// ever read.
  std::set<std::string> unfit = {};
  std::map<std::string, ResumeMode> modes = {};  ///< Of members that are resumed by this derivation.
  /// New ids, random: no restore of anything makes one come again.
  std::function<std::string(const MemberRow& founder)> record_id = {};
  std::function<std::string(const HubDelivery& delivery)> delivery_id = {};
  std::function<std::string(const std::string& data_source)> token = {};
  /// What an operator says of a record, of ids that may be those of records that are in others by now.
  /// `records` of it is not looked at.
  std::optional<HandDecision> decision = {};
  /// Is given each delivery that is new, behind all else; empty: nobody asks.
  HubBook::TakeOne made = {};
  /// Also what was erased in data sources of records leaves the book now; what was erased in others does so
  /// with the first derivation that reads them.
  bool forgets = false;
  std::string* unreadable = nullptr;  ///< Is given the member whose look made it fail.
};

struct Derived {
  std::set<std::string> read;            ///< Members that were.
  std::map<std::string, HubFeed> feeds;  ///< As they are now: what the members' mirrors are told.
  std::vector<HubNote> notes = {};
  std::size_t overtaken_unnamed = 0;      ///< Edits that lost, beyond kOvertakenMax.
  std::vector<std::string> resumed = {};  ///< Members that were, by whoever derived.
  std::string decided = {};               ///< The record that a decision made, or left.
  absl::Status rewritten = {};  ///< Whether HubFeed::erased is what was forgotten, by whoever derived.
};

/// Reads what is new in the members, and plans all that it concerns: one transaction of the hub's file, which
/// the caller commits. Memory: a component of records that share keys, see Component, and the news' keys.
/// Errors: those of `book`, of the looks and of HandPlan(); kNotFound: the decision names a record that is
/// not there. Nothing may be committed then.
absl::StatusOr<Derived> Derive(const HubRules& rules, const DeriveInput& input, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_DERIVE_H_
