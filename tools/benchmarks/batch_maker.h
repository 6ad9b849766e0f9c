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

/// The fields that are equal in all batches of one step.
struct StepHead {
  std::string schema_hash;
  Lsn base;
  Position target;
  bool populate = false;
};

/// Makes the batches of one step. The constructor collects the values as columns, as a source does when it
/// reads them. The time of the constructor is not measured; Encode() builds the messages and is measured.
/// Threads: one.
class BatchMaker {
 public:
  /// `rows` must outlive this object.
  BatchMaker(const BenchRows* rows, const Step& step);

  std::size_t batches() const { return batches_.size(); }
  std::size_t keys() const { return keys_.size(); }
  /// Returns the time for sorting the keys in seconds; 0 if the step does not sort them.
  double sort_seconds() const { return sort_seconds_; }
  /// Builds the message of a batch in `batch`, replacing its content.
  void Encode(std::size_t index, const StepHead& head, v1::ChangeBatch* batch) const;

 private:
  struct Batch {
    std::size_t from = 0, to = 0;  ///< Range of the batch in keys_.
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
  /// Values of batches with consecutive keys, by the place of the first row and the number of rows. Batches
  /// with the same values share them.
  std::map<std::pair<std::uint64_t, std::size_t>, std::shared_ptr<const RowBlock>> shared_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_BATCH_MAKER_H_
