#ifndef MIRROR_SERVER_HOOKS_HOOK_BOOK_H_
#define MIRROR_SERVER_HOOKS_HOOK_BOOK_H_

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/name_pattern.h"

namespace mirror {

inline constexpr char kOnCompleted[] = "completed";
inline constexpr char kOnAuthenticated[] = "authenticated";
inline constexpr char kOnTable[] = "table";
inline constexpr char kOnWiped[] = "wiped";
inline constexpr char kOnEvent[] = "event";

/// Part of a hook that tenants know: which notes to store for it.
struct HookSpec {
  std::string key;   ///< Key of its waiting deliveries; fixed while its configuration is unchanged.
  std::string name;  ///< Name shown to people.
  std::vector<std::string> on;
  std::string context;  ///< Pattern of context ids.

  bool Wants(std::string_view event) const { return std::find(on.begin(), on.end(), event) != on.end(); }
  bool IsFor(std::string_view context_id) const { return MatchesExactly(context_id, context); }
};

/// The list of hooks, for tenants: a tenant stores its notes for hooks and wakes the delivering thread.
/// Threads: any; immutable.
class HookBook {
 public:
  HookBook(std::vector<HookSpec> hooks, std::function<void(const std::string& context_id)> wake)
      : hooks_(std::move(hooks)), wake_(std::move(wake)) {}

  std::vector<std::string> KeysFor(std::string_view event, std::string_view context_id) const {
    std::vector<std::string> keys;
    for (const HookSpec& hook : hooks_) {
      if (hook.Wants(event) && hook.IsFor(context_id)) keys.push_back(hook.key);
    }
    return keys;
  }
  std::vector<std::string> AllKeys() const {
    std::vector<std::string> keys;
    for (const HookSpec& hook : hooks_) keys.push_back(hook.key);
    return keys;
  }
  /// Signals that a delivery waits. Does not block.
  void Wake(const std::string& context_id) const { wake_(context_id); }

 private:
  const std::vector<HookSpec> hooks_;
  const std::function<void(const std::string&)> wake_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOK_BOOK_H_
