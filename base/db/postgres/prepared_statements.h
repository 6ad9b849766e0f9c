#ifndef MIRROR_BASE_DB_POSTGRES_PREPARED_STATEMENTS_H_
#define MIRROR_BASE_DB_POSTGRES_PREPARED_STATEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/db/postgres/value.h"

// For this room.

namespace mirror::postgres {

/// Which texts a connection's server has prepared, under which names. A text is prepared when it is used for
/// the second time: preparing costs a round trip. The one that was not used for longest goes for a new one.
/// Threads: one at a time.
class PreparedStatements {
 public:
  explicit PreparedStatements(std::size_t max) : max_(max) {}

  /// A text with the types of its values is one statement; with other types it is another one.
  static std::string KeyOf(const std::string& sql, Values values);

  struct Use {
    std::string name;                 ///< Empty: run it without a name.
    bool has_to_be_prepared = false;  ///< First, under this name.
  };
  Use UseOf(const std::string& key);
  /// Preparing it failed, or the server knows it no more.
  void Forget(const std::string& key);
  /// The server's plan is of no use any more.
  void Drop(const std::string& key);
  /// Names that are to be deallocated, once.
  std::vector<std::string> TakeDropped();

 private:
  struct Entry {
    std::string key;
    std::string name;
  };
  using Entries = std::list<Entry>;  ///< Used last: first.

  const std::size_t max_;
  std::uint64_t names_ = 0;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_key_;
  std::vector<std::string> dropped_;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_PREPARED_STATEMENTS_H_
