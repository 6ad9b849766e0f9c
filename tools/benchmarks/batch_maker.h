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

/// The fields that all batches of one step share, apart from their rows.
struct StepHead {
  std::string schema_hash;
  Lsn base;
  Position target;
  bool populate = false;
};

/// Makes the batches of one step. The constructor collects the values as columns, like a source that has just
/// read them. Only Encode(), which builds the message, is measured. Threads: one.
class BatchMaker {
 public:
  /// `rows` must outlive this object.
  BatchMaker(const BenchRows* rows, const Step& step);

  std::size_t batches() const { return batches_.size(); }
  std::size_t keys() const { return keys_.size(); }
  /// Time for sorting the keys, if the step asks for it.
  double sort_seconds() const { return sort_seconds_; }
  /// Replaces the content of `batch`.
  void Encode(std::size_t index, const StepHead& head, v1::ChangeBatch* batch) const;

 private:
  struct Batch {
    std::size_t from = 0, to = 0;  ///< Range in keys_.
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
  /// Contiguous batches share their values: by the place of the first row and the number of rows.
  std::map<std::pair<std::uint64_t, std::size_t>, std::shared_ptr<const RowBlock>> shared_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_BATCH_MAKER_H_
