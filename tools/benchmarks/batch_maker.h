#ifndef MIRROR_TOOLS_BENCHMARKS_BATCH_MAKER_H_
#define MIRROR_TOOLS_BENCHMARKS_BATCH_MAKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/lsn.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// What all batches of one step say beside their rows.
struct StepHead {
  std::string schema_hash;
  Lsn base;
  Position target;
  bool populate = false;
};

/// The batches of one step. The constructor collects the values as columns, as a source holds them that has
/// just read them; Encode, which is in the time, makes the message. Threads: one.
class BatchMaker {
 public:
  /// `rows` outlives it.
  BatchMaker(const BenchRows* rows, const Step& step);

  std::size_t batches() const { return batches_.size(); }
  std::size_t keys() const { return keys_.size(); }
  /// Sorting the keys, where the step asks for it.
  double sort_seconds() const { return sort_seconds_; }
  /// Replaces what is in `batch`.
  void Encode(std::size_t index, const StepHead& head, v1::ChangeBatch* batch) const;

 private:
  struct Batch {
    std::size_t from = 0, to = 0;  ///< Of keys_.
    std::shared_ptr<const RowBlock> values;
  };
  std::shared_ptr<const RowBlock> ValuesOf(std::size_t from, std::size_t to);
  void EncodeKeys(const Batch& made, v1::ChangeBatch* batch) const;

  const BenchRows* rows_;
  const Step step_;
  std::vector<std::int64_t> keys_;
  double sort_seconds_ = 0;
  std::vector<std::uint32_t> columns_;
  std::vector<Batch> batches_;
  /// Batches of keys without a gap share their values: by place of the first row, and number of rows.
  std::map<std::pair<std::uint64_t, std::size_t>, std::shared_ptr<const RowBlock>> shared_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_BATCH_MAKER_H_
