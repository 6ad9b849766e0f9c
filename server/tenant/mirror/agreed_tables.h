#ifndef MIRROR_SERVER_TENANT_MIRROR_AGREED_TABLES_H_
#define MIRROR_SERVER_TENANT_MIRROR_AGREED_TABLES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "server/plan/column_rules.h"
#include "server/plan/row_request.h"

namespace mirror {

/// Agreed definitions that were read, so that the next request is decoded while one is applied. What another
/// server agreed anew since is noticed by the hash that a batch has, and where a call has none, by the
/// version. Threads: any may find. Keep() and Forget() are called under the tenant's lock, so that what was
/// read before a change is not kept behind it.
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
    return found == tables_.end() ? std::nullopt : std::optional(found->second.table);
  }
  /// As it is at `version`, see Store::ReadDataVersion(); absent: it may be another one by now.
  std::optional<AgreedTable> FindAt(const std::string& key, std::int64_t version) const {
    const MutexLock lock(mutex_);
    const auto found = tables_.find(key);
    if (found == tables_.end() || found->second.version != version) return std::nullopt;
    return found->second.table;
  }
  void Keep(const std::string& key, const AgreedTable& table, std::int64_t version) {
    const MutexLock lock(mutex_);
    tables_[key] = {table, version};
  }
  void Forget() {
    const MutexLock lock(mutex_);
    tables_.clear();
  }

 private:
  struct Kept {
    AgreedTable table;
    std::int64_t version = 0;
  };
  const ColumnRules rules_;
  mutable Mutex mutex_;
  std::map<std::string, Kept> tables_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_AGREED_TABLES_H_
