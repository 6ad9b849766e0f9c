#include "base/parquet/page_packer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/parquet/thrift_writer.h"

namespace mirror {
namespace {

constexpr int kZstdLevel = 3;
/// Its size is 32 bits with a sign.
constexpr std::size_t kPageBytesMax = INT32_MAX;
/// Room that stays with a packer between pages.
constexpr std::size_t kKeptBytesMax = 4 << 20;

// parquet.thrift.
constexpr std::int32_t kDataPage = 0, kValuesPlain = 0, kLevelsInRuns = 3;

absl::Status TooLarge(std::size_t bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("a page of ", bytes, " bytes: a value in Parquet has less than 2 GiB"));
}

void GiveBack(std::string* room) {
  room->clear();
  if (room->capacity() > kKeptBytesMax) *room = std::string();
}

}  // namespace

PagePacker::PagePacker() : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {}

absl::Status PagePacker::Pack(std::string_view levels, std::string_view values, std::size_t rows,
                              PackedChunk* chunk) {
  const std::size_t raw_bytes = levels.size() + values.size();
  if (raw_bytes > kPageBytesMax) return TooLarge(raw_bytes);
  std::string_view page = values;
  if (!levels.empty()) {
    page_.assign(levels).append(values);
    page = page_;
  }
  packed_.resize(ZSTD_compressBound(page.size()));
  const std::size_t packed =
      ZSTD_compressCCtx(context_.get(), packed_.data(), packed_.size(), page.data(), page.size(), kZstdLevel);
  if (ZSTD_isError(packed) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("zstd packed no page of ", page.size(), " bytes: ", ZSTD_getErrorName(packed)));
  }
  if (packed > kPageBytesMax) return TooLarge(packed);
  std::string whole = ThriftWriter()
                          .Int32(1, kDataPage)
                          .Int32(2, static_cast<std::int32_t>(raw_bytes))
                          .Int32(3, static_cast<std::int32_t>(packed))
                          .BeginStruct(5)
                          .Int32(1, static_cast<std::int32_t>(rows))
                          .Int32(2, kValuesPlain)
                          .Int32(3, kLevelsInRuns)
                          .Int32(4, kLevelsInRuns)
                          .EndStruct()
                          .Take();
  chunk->unpacked_bytes += whole.size() + raw_bytes;
  whole.reserve(whole.size() + packed);
  whole.append(packed_, 0, packed);
  chunk->pages.push_back(std::move(whole));
  chunk->values += rows;
  GiveBack(&page_);
  GiveBack(&packed_);
  return absl::OkStatus();
}

}  // namespace mirror
