#ifndef MIRROR_SERVER_HUB_PLAN_DERIVE_H_
#define MIRROR_SERVER_HUB_PLAN_DERIVE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/member_look.h"

namespace mirror {

/// Something that an operator should hear of.
struct HubNote {
  enum class Kind : std::uint8_t { kSuspended, kPingPong, kUnsure, kHeld };
  Kind kind = Kind::kSuspended;
  std::string data_source = {};
  std::string golden_id = {}, attribute = {};
  friend bool operator==(const HubNote&, const HubNote&) = default;
};

struct DeriveInput {
  std::int64_t now_ms = 0;
  /// By data source: members that are as a completed cycle left them. The others are not looked at.
  std::map<std::string, MemberLook*> looks = {};
  /// By data source: the last cycle that began. What is suspended waits for a later one.
  std::map<std::string, std::int64_t> cycles = {};
  std::map<std::string, ResumeMode> modes = {};  ///< Of members that are resumed by this derivation.
  /// New ids, random: no restore of anything makes one come again.
  std::function<std::string(const MemberRow& founder)> record_id = {};
  std::function<std::string(const HubDelivery& delivery)> delivery_id = {};
  std::function<std::string(const std::string& data_source)> token = {};
};

struct Derived {
  std::set<std::string> read;            ///< Members that were.
  std::map<std::string, HubFeed> feeds;  ///< As they are now: what the members' mirrors are told.
  std::vector<HubNote> notes = {};
};

/// Reads what is new in the members, and plans all that it concerns: one transaction of the hub's file, which
/// the caller commits. Memory: a component of records that share keys, see Component, and the news' keys.
/// Errors: those of `book` and of the looks; nothing may be committed then.
absl::StatusOr<Derived> Derive(const HubRules& rules, const DeriveInput& input, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_DERIVE_H_
