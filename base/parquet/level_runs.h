#ifndef MIRROR_BASE_PARQUET_LEVEL_RUNS_H_
#define MIRROR_BASE_PARQUET_LEVEL_RUNS_H_

#include <string>
#include <vector>

namespace mirror {

/// Definition levels of a column that may be NULL, one bit for each row (false: NULL), in Parquet's hybrid of
/// runs and packed bits.
std::string EncodeLevels(const std::vector<bool>& levels);

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_LEVEL_RUNS_H_
