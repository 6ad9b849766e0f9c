#ifndef MIRROR_SERVER_TENANT_MIRROR_AGREED_TABLES_H_
#define MIRROR_SERVER_TENANT_MIRROR_AGREED_TABLES_H_

#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "server/plan/column_rules.h"
#include "server/plan/row_request.h"

namespace mirror {

/// Agreed definitions that were read, so that the next request is decoded while one is applied.
/// Threads: any may find. Keep() and Forget() are called under the tenant's lock, so that what was read
/// before a change is not kept behind it.
class AgreedTables {
 public:
  AgreedTables(const ColumnRulesConfig& rules, const std::optional<std::string>& secret,
               const std::string& context_id)
      : rules_(rules, secret, context_id) {}

  /// What an announced table's columns are to be set by.
  const ColumnRules& rules() const { return rules_; }
  /// `key`: the folded name.
  std::optional<AgreedTable> Find(const std::string& key) const {
    const MutexLock lock(mutex_);
    const auto found = tables_.find(key);
    return found == tables_.end() ? std::nullopt : std::optional(found->second);
  }
  void Keep(const std::string& key, const AgreedTable& table) {
    const MutexLock lock(mutex_);
    tables_[key] = table;
  }
  void Forget() {
    const MutexLock lock(mutex_);
    tables_.clear();
  }

 private:
  const ColumnRules rules_;
  mutable Mutex mutex_;
  std::map<std::string, AgreedTable> tables_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_AGREED_TABLES_H_
