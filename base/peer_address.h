#ifndef MIRROR_BASE_PEER_ADDRESS_H_
#define MIRROR_BASE_PEER_ADDRESS_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mirror {

/// Returns the key under which connections of one client are counted: its IPv4 address, or the first half of
/// its IPv6 address, since each customer has a whole /64. An IPv4 address within IPv6 counts as IPv4. The key
/// is bytes, not a text. Empty: another family.
std::string AddressGroup(const sockaddr& address);

/// A set of addresses and networks, such as "192.0.2.7", "10.0.0.0/8" and "2001:db8::/32". A value.
class AddressRanges {
 public:
  /// Returns 127.0.0.0/8 and ::1, the programs of this machine.
  static AddressRanges Loopback();
  /// Errors: kInvalidArgument, a part of a sentence about `text`.
  absl::Status Add(const std::string& text);
  bool Has(const sockaddr& address) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>;  ///< IPv4 as ::ffff:a.b.c.d.
  struct Range {
    Bytes bytes = {};
    int bits = 128;
  };
  std::vector<Range> ranges_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PEER_ADDRESS_H_
