#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHANGE_MAKER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHANGE_MAKER_H_

#include <cstdint>
#include <vector>

#include "tools/mirror_harness/synthetic/options.h"
#include "tools/mirror_harness/synthetic/row_model.h"

namespace mirror::harness {

/// Net changes of one table. Each key is in only one of the lists, and there once.
struct TableChanges {
  std::vector<std::int64_t> deletes;
  std::vector<std::int64_t> inserts;  ///< New keys, and keys that were deleted and inserted again.
  struct Update {
    std::vector<std::uint32_t> columns;  ///< Key columns and changed columns; ascending.
    std::vector<std::int64_t> keys;
  };
  std::vector<Update> updates;

  std::uint64_t rows() const {
    std::uint64_t rows = deletes.size() + inserts.size();
    for (const Update& update : updates) rows += update.keys.size();
    return rows;
  }
  bool empty() const { return deletes.empty() && inserts.empty() && updates.empty(); }
};

/// Random numbers that are the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() { return MixBits(state_ += 0x9e3779b97f4a7c15ULL); }
  std::uint64_t Below(std::uint64_t limit) { return Next() % limit; }

 private:
  std::uint64_t state_;
};

/// Changes about `count` rows of `model` to `version`, and returns the net changes, sorted by key. They are
/// what a source's log would give: a changed key is a delete and an insert; a delete and an insert of the
/// same key are an insert.
TableChanges ChangeRows(std::uint64_t count, const Mix& mix, std::uint32_t version, Random* random,
                        RowModel* model);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHANGE_MAKER_H_
