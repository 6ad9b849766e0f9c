#ifndef MIRROR_CLIENT_SOURCE_STAGE_TABLE_CHANGES_H_
#define MIRROR_CLIENT_SOURCE_STAGE_TABLE_CHANGES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "client/source/stage/fold.h"
#include "client/source/stage/stage.h"

namespace mirror {

/// What was taken of one table and lies above what is known of it below. Threads: one.
struct TableChanges {
  bool emptied = false;            ///< Nothing of what lies below is left.
  std::int64_t truncated_lsn = 0;  ///< By the source, here; 0: not.
  std::int64_t floor = 0;          ///< The floor is no lower.
  std::string because;             ///< With `floor`: why it was given up; empty: it was not.
  bool is_too_long = false;        ///< That is why.
  Fold fold;

  void Truncate(std::int64_t lsn) {
    GiveUp(floor, std::move(because));
    truncated_lsn = lsn;
  }
  void GiveUpAsTooLong(std::int64_t lsn, std::string why) {
    GiveUp(lsn, std::move(why));
    is_too_long = true;
  }
  void GiveUp(std::int64_t lsn, std::string why) {
    emptied = true;
    truncated_lsn = 0;
    floor = lsn;
    because = std::move(why);
    fold.Clear();
  }
  /// Takes in what came later.
  void Lay(TableChanges&& above) {
    if (above.emptied) {
      emptied = true;
      truncated_lsn = above.truncated_lsn;
      fold.Clear();
    }
    floor = std::max(floor, above.floor);
    if (!above.because.empty()) because = std::move(above.because);
    is_too_long = is_too_long || above.is_too_long;
    fold.Lay(std::move(above.fold));
    above = {};
  }
  bool empty() const { return !emptied && floor == 0 && fold.empty(); }
  /// Of the last change, or what took its place; 0: there is none.
  std::int64_t last_lsn() const { return std::max({fold.last_lsn(), truncated_lsn, floor}); }
  bool ChangesTable() const { return emptied || floor > 0; }
  /// The table with all this.
  StagedTable ApplyTo(StagedTable table) const {
    table.truncated_lsn = std::max(table.truncated_lsn, truncated_lsn);
    table.floor = std::max(table.floor, floor);
    if (table.truncated_lsn <= table.floor) table.truncated_lsn = 0;
    if (!because.empty()) table.gone_because = because;
    return table;
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STAGE_TABLE_CHANGES_H_
