#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_SOCKET_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_SOCKET_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror::harness {

/// A TCP connection on which anything may be said. Threads: one.
class RawSocket {
 public:
  /// `address` is host:port. `from`: an own IPv4 address, where the other end is reached from it. Errors:
  /// kUnavailable.
  static absl::StatusOr<RawSocket> Connect(const std::string& address, const std::string& from = "");
  ~RawSocket();
  RawSocket(RawSocket&& other) noexcept;
  RawSocket& operator=(RawSocket&& other) noexcept;
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  /// False: the other side is gone.
  bool Send(std::string_view bytes);
  /// What the other side says until it closes, or until `patience` is over.
  std::string Receive(std::chrono::milliseconds patience);
  /// Whether the other side closes it within `patience`; what it says before is dropped.
  bool Closed(std::chrono::milliseconds patience);
  /// Says that nothing more will come; the other side may go on.
  void Farewell();
  /// Ends it with a reset instead of a farewell.
  void Reset();
  int descriptor() const { return socket_; }

 private:
  explicit RawSocket(int socket) : socket_(socket) {}
  bool HearUntilClosed(std::chrono::milliseconds patience, std::string* said);
  int socket_ = -1;
};

/// Lets this process open as many files as the system allows it; how many that are.
std::size_t RaiseDescriptorLimit();

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_SOCKET_H_
