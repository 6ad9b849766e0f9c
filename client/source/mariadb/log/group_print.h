#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_GROUP_PRINT_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_GROUP_PRINT_H_

#include <memory>
#include <string>

#include "client/source/mariadb/log/binlog_event.h"

struct XXH3_state_s;

namespace mirror {

/// A digest of the events of a group as they stand in the binlog, with their times: two servers that were the
/// same and went on apart can have groups with the same GTIDs at the same places, and not with these.
class GroupPrint {
 public:
  GroupPrint();
  ~GroupPrint();
  GroupPrint(const GroupPrint&) = delete;
  GroupPrint& operator=(const GroupPrint&) = delete;

  void Begin();
  void Add(const binlog::Event& event);
  /// Of what was added since Begin(): 16 hexadecimal digits.
  std::string Text() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_GROUP_PRINT_H_
