#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_HTTP2_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_HTTP2_H_

#include <openssl/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/raw_socket.h"

namespace mirror::harness {

inline constexpr char kRowDataPath[] = "/mirror.v1.MirrorClientService/RowData";

/// Sends HTTP/2 frames over the endpoint's TLS, also frames that a correct client never sends. It accepts any
/// server certificate, because it sends no secrets. Threads: one.
class RawHttp2 {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  static constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;
  enum Frame : std::uint8_t {
    kData = 0,
    kHeaders = 1,
    kReset = 3,
    kSettings = 4,
    kPing = 6,
    kContinuation = 9
  };

  /// Connects and makes the TLS handshake; if `hello` is set, sends the preface of HTTP/2. `from`: see
  /// RawSocket. Errors: kUnavailable.
  static absl::StatusOr<std::unique_ptr<RawHttp2>> Connect(const EndpointConfig& endpoint, bool hello = true,
                                                           const std::string& from = "");
  ~RawHttp2();
  RawHttp2(const RawHttp2&) = delete;
  RawHttp2& operator=(const RawHttp2&) = delete;

  /// Returns the bytes of a frame without checking them.
  static std::string Framed(Frame type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  /// Writes a frame. Returns false if the other side is gone.
  bool Write(Frame type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  /// Writes bytes that are no frame.
  bool WriteBytes(std::string_view bytes);
  /// Writes the headers of a gRPC call.
  bool Call(std::uint32_t stream, const std::string& path, const std::string& token,
            const Headers& more = {});
  /// Writes a body in frames, as the endpoint's flow control allows. False: the endpoint is gone, or allows
  /// no more bytes.
  bool Body(std::uint32_t stream, std::string_view bytes, bool end);
  /// Waits for the end of the stream. Returns its gRPC status, CLOSED, or OPEN after `patience`.
  Outcome Await(std::uint32_t stream, std::chrono::milliseconds patience);

  /// Returns a header block in which no name is indexed.
  static std::string Encode(const Headers& headers);
  /// Returns a header block that makes the other side add all headers to its table. If that table was empty,
  /// Remembered(headers.size()) then returns the same headers as a block with one byte for each.
  static std::string EncodeToRemember(const Headers& headers);
  static std::string Remembered(std::size_t count);
  static Headers CallHeaders(const std::string& path, const std::string& token);

 private:
  explicit RawHttp2(RawSocket socket) : socket_(std::move(socket)) {}
  absl::Status ShakeHands(const EndpointConfig& endpoint);
  /// Receives bytes; returns false if the connection has ended.
  bool Pump();
  void Take(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);

  RawSocket socket_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, nullptr};
  std::string received_;
  bool gone_ = false;
  std::int64_t window_ = 65'535;        ///< Flow-control window of the whole connection.
  std::int64_t window_begin_ = 65'535;  ///< Flow-control window of a new stream.
  std::map<std::uint32_t, std::int64_t> windows_;
  std::map<std::uint32_t, Outcome> ended_;
};

/// Returns the prefix of each gRPC message.
std::string MessagePrefix(bool compressed, std::uint32_t length);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_RAW_HTTP2_H_
