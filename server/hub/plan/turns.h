#ifndef MIRROR_SERVER_HUB_PLAN_TURNS_H_
#define MIRROR_SERVER_HUB_PLAN_TURNS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/hub/plan/component.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/plan/hub_values.h"

// Fights over values: which attributes of a record are frozen.

namespace mirror {

/// So many values of one attribute are remembered of the last hour. When systems changed it so often in that
/// time it is frozen, whatever the values: no people work so fast.
inline constexpr std::size_t kTurnsMax = 64;
/// A version that databases undid so often beside other deliveries is not delivered again.
inline constexpr std::size_t kUndoneMax = 3;

/// Returns what tells a value of an attribute of this record from others, and from which nobody reads it.
std::string MarkOf(const GoldenRecord& record, const std::string& attribute, const Literal& value);

/// Notes what happens to a record's attributes. Not thread-safe.
class TurnBook {
 public:
  TurnBook(const HubRules& rules, std::int64_t now_ms, GoldenRecord* record)
      : rules_(rules), now_ms_(now_ms), record_(*record) {}

  /// The exchange wrote over this value.
  void NoteReplaced(const std::string& attribute, const Literal& value);
  /// A system said this value in the place of what the exchange had written. Returns whether the attribute is
  /// frozen by that.
  bool NoteSaid(const std::string& attribute, const Literal& value);

 private:
  std::vector<Turn>& Recent(const std::string& attribute);

  const HubRules& rules_;
  const std::int64_t now_ms_;
  GoldenRecord& record_;
};

/// Removes what counts for no fight any more, of all attributes. Behind FreezeUndone().
void ForgetTurns(const HubRules& rules, std::int64_t now_ms, GoldenRecord* record);

/// An attribute that was frozen.
struct FrozenAttribute {
  std::string golden_id, attribute;
  std::string data_source;  ///< Whose database undid what was delivered.
};

/// Freezes attributes that a database undoes again and again beside other deliveries, as where a trigger of
/// the source allows one row alone to have a value. Behind GoldenPlan(), before DeliveryPlan().
std::vector<FrozenAttribute> FreezeUndone(Component* component);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_TURNS_H_
