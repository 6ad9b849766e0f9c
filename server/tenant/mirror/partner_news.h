#ifndef MIRROR_SERVER_TENANT_MIRROR_PARTNER_NEWS_H_
#define MIRROR_SERVER_TENANT_MIRROR_PARTNER_NEWS_H_

#include <cstdint>
#include <set>
#include <string>

#include "server/store/store.h"
#include "server/watch/events.h"

namespace mirror {

/// Tells what a partner put into tables of the mirror and will lose, while it is there: once for the same,
/// and again after a restart.
/// Threads: none; used under the tenant's lock.
class PartnerNews {
 public:
  PartnerNews(const std::string& context_id, Events& events) : context_id_(context_id), events_(events) {}

  void TellColumns(const std::vector<TouchedTable>& touched);
  /// Before rows of it go. Counts them, once in a cycle.
  void TellRows(Store& store, std::int64_t cycle, const std::string& table, const char* what_comes);

 private:
  const std::string context_id_;
  Events& events_;
  std::set<std::string> told_;      ///< Of columns and rows.
  std::int64_t counted_cycle_ = 0;  ///< That of `counted_`.
  std::set<std::string> counted_;   ///< Folded tables whose rows were counted.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_PARTNER_NEWS_H_
