#ifndef MIRROR_PROTO_WIRE_LIMITS_H_
#define MIRROR_PROTO_WIRE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace mirror {

/// Limits fixed by the protocol. WireLimits has those that an operator can configure.
inline constexpr std::size_t kNameCharactersMax = 128;
inline constexpr std::size_t kContextIdBytesMax = 64;
inline constexpr std::size_t kLineageBytesMax = 64;
inline constexpr std::size_t kHolderBytesMax = 64;
inline constexpr std::size_t kSourceIdBytesMax = 128;
inline constexpr std::size_t kMissingKeysMax = 1'000;
inline constexpr std::size_t kDefaultBytesMax = 8'192;
inline constexpr std::uint32_t kDecimalDigitsMax = 1'000;
/// Ranges in one DigestRanges or ReadRows.
inline constexpr std::uint32_t kDigestRangesMax = 10'000;
/// Messages in one request, at any depth.
inline constexpr std::uint32_t kMessageEntriesMax = 400'000;
/// Greatest size of a part. Values over this size are sent in parts.
inline constexpr std::uint32_t kPartBytesMax = 4 << 20;

/// Limits for one request. The endpoint sends its own limits in AuthenticateResponse.limits. A request that
/// exceeds one fails with RESOURCE_EXHAUSTED.
struct WireLimits {
  std::size_t message_bytes_max = 16 << 20;
  std::uint32_t tables_max = 10'000;
  std::uint32_t columns_max = 2'000;
  std::uint32_t batch_rows_max = 1'000'000;
  std::uint64_t batch_cells_max = 10'000'000;  ///< Rows multiplied by columns.
  std::uint64_t value_bytes_max = 1'000'000'000;
};

/// Unix milliseconds of the end of the year 9999: the latest time that a source may give.
inline constexpr std::int64_t kSourceTimeMsMax = 253'402'300'799'999;

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_LIMITS_H_
