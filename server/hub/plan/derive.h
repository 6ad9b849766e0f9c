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

/// An operator's decision about one record: the record to merge it with, or the rows that become a record of
/// their own.
struct HandDecision {
  std::string golden_id;
  std::string other_id = {};        ///< Empty: the record is parted.
  std::vector<RowRef> rows = {};    ///< Empty: the records are merged.
  std::int64_t* records = nullptr;  ///< Number of the last record; a new one takes the next.
};

/// Applies the decision to a component that has the records. Its ids must be those of existing records. Sets
/// `golden_id` of the decision to the merged record (the older of the two), or to the new record. Called
/// before MatchPlan(). Errors: kInvalidArgument: they are one record already, or belong to two entities; a
/// row is not in the record, or no row would be left in it. Then nothing was changed.
absl::Status HandPlan(HandDecision* decision, Component* component);

/// A message for operators.
struct HubNote {
  enum class Kind : std::uint8_t { kSuspended, kPingPong, kUnsure, kHeld, kOvertaken, kUnreadTime };
  Kind kind = Kind::kSuspended;
  std::string data_source = {};
  std::string golden_id = {}, attribute = {};
  /// kOvertaken: an edit in `data_source`, with version `lost_ms`, lost against an edit in this data source.
  std::string won = {};
  std::int64_t lost_ms = 0, won_ms = 0;
  /// kUnreadTime: `rows` rows of this table have a text in `changed` that is not a time by the rules.
  std::string table = {};
  std::uint64_t rows = 0;
  friend bool operator==(const HubNote&, const HubNote&) = default;
};

/// Maximum number of notes about lost edits in one derivation.
inline constexpr std::size_t kOvertakenMax = 20;

struct DeriveInput {
  std::int64_t now_ms = 0;
  /// By data source: members in the state of a completed cycle. Other members are not read.
  std::map<std::string, MemberLook*> looks = {};
  /// By data source: the last cycle that began. A suspended member can be resumed after a later one.
  std::map<std::string, std::int64_t> cycles = {};
  /// Members that the rules no longer fit, for example because a mapped column was dropped. They are
  /// suspended if they were ever read.
  std::set<std::string> unfit = {};
  std::map<std::string, ResumeMode> modes = {};  ///< For members that this derivation resumes.
  /// Make new random ids. Because they are random, a restored backup does not make the same ids again.
  std::function<std::string(const MemberRow& founder)> record_id = {};
  std::function<std::string(const HubDelivery& delivery)> delivery_id = {};
  std::function<std::string(const std::string& data_source)> token = {};
  /// An operator's decision about a record. Its ids may be those of records that were merged into others. Its
  /// member `records` is ignored.
  std::optional<HandDecision> decision = {};
  /// Called with each new delivery, after all other work; empty: not called.
  HubBook::TakeOne made = {};
  /// Also removes from the book, now, what was erased in data sources of records. What was erased in other
  /// data sources is removed by the first derivation that reads them.
  bool forgets = false;
  std::string* unreadable = nullptr;  ///< Set to the member whose look caused a failure.
};

struct Derived {
  std::set<std::string> read;            ///< Members that were read.
  std::map<std::string, HubFeed> feeds;  ///< The present feeds of these members, to be acknowledged to their
                                         ///< mirrors.
  std::vector<HubNote> notes = {};
  std::size_t overtaken_unnamed = 0;      ///< Lost edits above kOvertakenMax.
  std::vector<std::string> resumed = {};  ///< Members that were resumed, by this derivation or another one.
  std::string decided = {};               ///< The record that a decision created or kept.
  absl::Status rewritten = {};  ///< OK: for all members HubFeed::erased has reached HubFeed::forgotten.
};

/// Reads the news of the members, and plans all records that the news concern. Runs in one transaction of the
/// hub's file, which the caller commits. Memory: one component of records that share keys (see Component),
/// and the keys of the news. Errors: those of `book`, of the looks and of HandPlan(); kNotFound: the decision
/// names a record that does not exist. After an error nothing may be committed.
absl::StatusOr<Derived> Derive(const HubRules& rules, const DeriveInput& input, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_DERIVE_H_
