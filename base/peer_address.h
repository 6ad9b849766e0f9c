#ifndef MIRROR_BASE_PEER_ADDRESS_H_
#define MIRROR_BASE_PEER_ADDRESS_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mirror {

/// Returns the key by which connections of a client are counted. It is the client's IPv4 address, or the
/// first 64 bits of its IPv6 address, because one customer usually has a whole /64. An IPv4 address within an
/// IPv6 address counts as IPv4. The key is bytes, not a text. Empty: the address is of another family.
std::string AddressGroup(const sockaddr& address);

/// A set of addresses and networks, such as "192.0.2.7", "10.0.0.0/8" and "2001:db8::/32".
class AddressRanges {
 public:
  /// Returns 127.0.0.0/8 and ::1, the programs of this machine.
  static AddressRanges Loopback();
  /// Adds an address or a network. Errors: kInvalidArgument; the message is a part of a sentence about
  /// `text`.
  absl::Status Add(const std::string& text);
  bool Has(const sockaddr& address) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>;  ///< An IPv4 address is stored as ::ffff:a.b.c.d.
  struct Range {
    Bytes bytes = {};
    int bits = 128;
  };
  std::vector<Range> ranges_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PEER_ADDRESS_H_
