#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_SOCKET_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_SOCKET_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror::harness {

/// A TCP connection for arbitrary bytes. Threads: one.
class RawSocket {
 public:
  /// Connects. `address` is host:port. `from`: the local IPv4 address to connect from, which is used if it
  /// can reach the other side. Errors: kUnavailable.
  static absl::StatusOr<RawSocket> Connect(const std::string& address, const std::string& from = "");
  ~RawSocket();
  RawSocket(RawSocket&& other) noexcept;
  RawSocket& operator=(RawSocket&& other) noexcept;
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  /// Returns false if the other side is gone.
  bool Send(std::string_view bytes);
  /// Returns the bytes that the other side sends until it closes, or until `patience` is over.
  std::string Receive(std::chrono::milliseconds patience);
  /// Returns true if the other side closes within `patience`. Bytes that come before are dropped.
  bool Closed(std::chrono::milliseconds patience);
  /// Closes the sending direction; the other side may still send.
  void Farewell();
  /// Ends the connection with a reset.
  void Reset();
  int descriptor() const { return socket_; }

 private:
  explicit RawSocket(int socket) : socket_(socket) {}
  bool HearUntilClosed(std::chrono::milliseconds patience, std::string* said);
  int socket_ = -1;
};

/// Raises the limit of open files to the system's maximum; returns that number.
std::size_t RaiseDescriptorLimit();

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_SOCKET_H_
