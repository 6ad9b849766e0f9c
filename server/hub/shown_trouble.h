#ifndef MIRROR_SERVER_HUB_SHOWN_TROUBLE_H_
#define MIRROR_SERVER_HUB_SHOWN_TROUBLE_H_

#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SHOWN_TROUBLE_H_
