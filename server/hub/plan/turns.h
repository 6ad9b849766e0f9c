#ifndef MIRROR_SERVER_HUB_PLAN_TURNS_H_
#define MIRROR_SERVER_HUB_PLAN_TURNS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/hub/plan/component.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/plan/hub_values.h"

// Finds systems that overwrite each other's values, and decides which attributes of a record are frozen.

namespace mirror {

/// Maximum number of values of one attribute that are kept for the last hour. If systems changed it that
/// often, it is frozen whatever the values are, because people do not work so fast.
inline constexpr std::size_t kTurnsMax = 64;
/// If databases undid a version this many times while other deliveries were written, it is not delivered
/// again.
inline constexpr std::size_t kUndoneMax = 3;

/// Returns a mark that identifies a value of an attribute of this record without revealing it.
std::string MarkOf(const GoldenRecord& record, const std::string& attribute, const Literal& value);

/// Notes changes of a record's attributes. Threads: none.
class TurnBook {
 public:
  TurnBook(const HubRules& rules, std::int64_t now_ms, GoldenRecord* record)
      : rules_(rules), now_ms_(now_ms), record_(*record) {}

  /// Notes that the exchange overwrote this value.
  void NoteReplaced(const std::string& attribute, const Literal& value);
  /// Notes that a system replaced the exchange's value with this one.
  /// Returns whether that freezes the attribute.
  bool NoteSaid(const std::string& attribute, const Literal& value);

 private:
  std::vector<Turn>& Recent(const std::string& attribute);

  const HubRules& rules_;
  const std::int64_t now_ms_;
  GoldenRecord& record_;
};

/// Removes, for all attributes, the turns that are too old to count. Called after FreezeUndone().
void ForgetTurns(const HubRules& rules, std::int64_t now_ms, GoldenRecord* record);

/// An attribute that was frozen.
struct FrozenAttribute {
  std::string golden_id, attribute;
  std::string data_source;  ///< The data source whose database undid deliveries.
};

/// Freezes attributes that a database changes back repeatedly while other deliveries are written, for example
/// by a trigger that allows only one row to have a value. Called after GoldenPlan(), before DeliveryPlan().
std::vector<FrozenAttribute> FreezeUndone(Component* component);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_TURNS_H_
