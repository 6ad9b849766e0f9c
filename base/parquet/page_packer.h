#ifndef MIRROR_BASE_PARQUET_PAGE_PACKER_H_
#define MIRROR_BASE_PARQUET_PAGE_PACKER_H_

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mirror {

/// The pages of one column of a row group, as they stand in the file, headers included. One string each: a
/// single one that grows would take their room three times while it is moved.
struct PackedChunk {
  std::vector<std::string> pages;
  std::uint64_t unpacked_bytes = 0;  ///< The same, were they not packed.
  std::uint64_t values = 0;          ///< NULLs included.
};

/// Makes data pages (version 1, PLAIN, zstd) of values. Threads: one at a time.
class PagePacker {
 public:
  PagePacker();

  /// Errors: kResourceExhausted: a page has more than 2 GiB, or there is no memory for it.
  absl::Status Pack(std::string_view levels, std::string_view values, std::size_t rows, PackedChunk* chunk);

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
  std::string page_, packed_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_PAGE_PACKER_H_
