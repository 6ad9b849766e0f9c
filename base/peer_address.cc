#include "base/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr int kIp4Bits = 32, kIp6Bits = 128;
/// The first bytes of an IPv4 address within IPv6.
constexpr Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kMappedBytes = 12;
/// Number of bytes of an IPv6 address that identify a customer.
constexpr std::size_t kIp6PrefixBytes = 8;

Bytes BytesOf(const in_addr& ip4) {
  Bytes bytes = kMapped;
  std::memcpy(bytes.data() + kMappedBytes, &ip4, sizeof(ip4));
  return bytes;
}

Bytes BytesOf(const in6_addr& ip6) {
  Bytes bytes;
  std::memcpy(bytes.data(), &ip6, sizeof(ip6));
  return bytes;
}

std::optional<Bytes> BytesOf(const sockaddr& address) {
  if (address.sa_family == AF_INET) return BytesOf(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  if (address.sa_family == AF_INET6) return BytesOf(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  return std::nullopt;
}

/// Sets the bits after the first `bits` to 0.
Bytes Masked(Bytes bytes, int bits) {
  for (int at = 0; at < static_cast<int>(bytes.size()); ++at) {
    const int kept = std::clamp(bits - 8 * at, 0, 8);
    bytes[static_cast<std::size_t>(at)] &= static_cast<std::uint8_t>(0xFF00U >> static_cast<unsigned>(kept));
  }
  return bytes;
}

}  // namespace

std::string AddressGroup(const sockaddr& address) {
  const std::optional<Bytes> bytes = BytesOf(address);
  if (!bytes) return "";
  const char* const begin = reinterpret_cast<const char*>(bytes->data());
  if (std::equal(kMapped.begin(), kMapped.begin() + kMappedBytes, bytes->begin()))
    return {begin + kMappedBytes, bytes->size() - kMappedBytes};
  return {begin, kIp6PrefixBytes};
}

AddressRanges AddressRanges::Loopback() {
  AddressRanges ranges;
  Bytes ip4 = kMapped, ip6 = {};
  ip4[kMappedBytes] = 127;
  ip6.back() = 1;
  ranges.ranges_ = {{ip4, 8 * kMappedBytes + 8}, {ip6, kIp6Bits}};
  return ranges;
}

absl::Status AddressRanges::Add(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  in_addr ip4{};
  in6_addr ip6{};
  const bool is_ip4 = inet_pton(AF_INET, address.c_str(), &ip4) == 1;
  if (!is_ip4 && inet_pton(AF_INET6, address.c_str(), &ip6) != 1)
    return absl::InvalidArgumentError("it is neither an IP address nor a network such as 10.0.0.0/8");
  const int all = is_ip4 ? kIp4Bits : kIp6Bits;
  int bits = all;
  const std::string length = slash == std::string::npos ? "" : text.substr(slash + 1);
  const bool is_number =
      std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (slash != std::string::npos && (!is_number || !absl::SimpleAtoi(length, &bits) || bits > all))
    return absl::InvalidArgumentError(absl::StrCat("after its '/' a number of bits must follow, 0 to ", all));
  Range range{is_ip4 ? BytesOf(ip4) : BytesOf(ip6), bits + kIp6Bits - all};
  if (Masked(range.bytes, range.bits) != range.bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("its address has bits set after the first ", bits, ", so it names no network"));
  }
  ranges_.push_back(range);
  return absl::OkStatus();
}

bool AddressRanges::Has(const sockaddr& address) const {
  const std::optional<Bytes> bytes = BytesOf(address);
  return bytes && std::any_of(ranges_.begin(), ranges_.end(),
                              [&](const Range& range) { return Masked(*bytes, range.bits) == range.bytes; });
}

}  // namespace mirror
