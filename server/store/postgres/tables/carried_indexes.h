#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_CARRIED_INDEXES_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_CARRIED_INDEXES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/tables/table_work.h"

namespace mirror {

/// The indexes of a table, but for its key's, for the shadow that takes its place. All have their names, what
/// was said of them and the mark of CLUSTER again. Each verb once, in this order. Errors: as RunOnTable().
class CarriedIndexes {
 public:
  CarriedIndexes(TableWork& work, std::string table, std::string shadow)
      : work_(work), table_(std::move(table)), shadow_(std::move(shadow)) {}

  /// Makes them on the shadow, under other names: readers would wait for that behind the lock.
  absl::Status Prepare();
  /// The table is locked. Gives what drops its own: their names are the schema's.
  absl::StatusOr<std::string> Free();
  /// The shadow has the table's name. `left_out`: those that its rows do not let be; they are not there any
  /// more, and those of the mirror's own are not named.
  absl::Status Finish(std::vector<std::string>* left_out);

 private:
  struct Index {
    std::string name;
    std::string make, drop;  ///< On the table, as it is named.
    std::string tell;        ///< What was said of it, behind it; may be empty.
    /// Before and behind its name and the relation's. Of an empty `head` that is not known.
    std::string head, tail;
    bool is_constraint = false;
  };
  enum class Made : std::uint8_t { kYes, kNo, kRowsRefuse };
  absl::StatusOr<std::vector<Index>> Find();
  /// In a savepoint. Errors: others than those for which the index may be left out.
  absl::StatusOr<Made> Make(const std::string& sql);

  TableWork& work_;
  const std::string table_, shadow_;
  /// By definition the name that it has on the shadow; empty: the shadow's rows refuse it.
  std::map<std::string, std::string> prepared_;
  std::vector<Index> indexes_;  ///< Of Free().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_CARRIED_INDEXES_H_
