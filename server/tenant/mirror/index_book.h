#ifndef MIRROR_SERVER_TENANT_MIRROR_INDEX_BOOK_H_
#define MIRROR_SERVER_TENANT_MIRROR_INDEX_BOOK_H_

#include <memory>
#include <utility>

#include "base/mutex.h"
#include "server/plan/tenant_rules.h"

namespace mirror {

/// The current rules for indexes. A reload replaces them while tenants are served. Threads: any.
class IndexBook {
 public:
  /// Returns the rules. Set() replaces the object when the rules change.
  std::shared_ptr<const IndexRules> Get() const {
    const MutexLock lock(mutex_);
    return rules_;
  }
  void Set(IndexRules rules) {
    const MutexLock lock(mutex_);
    if (rules != *rules_) rules_ = std::make_shared<const IndexRules>(std::move(rules));
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const IndexRules> rules_ MIRROR_GUARDED_BY(mutex_) = std::make_shared<const IndexRules>();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_INDEX_BOOK_H_
