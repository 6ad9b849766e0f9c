#include "tools/mirror_harness/attack/raw_http2.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::harness {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameBytesMax = 16'384, kFrameHeaderBytes = 9;
constexpr std::uint8_t kGoAway = 7, kWindowUpdate = 8;
constexpr std::uint16_t kInitialWindow = 4;
constexpr timeval kReadTurn = {0, 50'000};
constexpr std::chrono::seconds kWindowPatience(10);

using Clock = std::chrono::steady_clock;

std::string BigEndian(std::uint32_t number, int bytes) {
  std::string text;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    text += static_cast<char>((number >> shift) & 0xFFU);
  return text;
}

std::uint32_t ReadBigEndian(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

/// Encodes a text for HPACK without Huffman; its length is a number with a prefix of 7 bits.
std::string HpackText(std::string_view text) {
  std::string out;
  std::size_t size = text.size();
  if (size < 127) {
    out += static_cast<char>(size);
  } else {
    out += static_cast<char>(127);
    for (size -= 127; size >= 128; size /= 128) out += static_cast<char>(size % 128 + 128);
    out += static_cast<char>(size);
  }
  return out.append(text);
}

/// Finds the status in a header block: on a new connection gRPC writes its trailers as plain text.
std::string StatusIn(std::string_view block) {
  constexpr std::string_view kName = "grpc-status";
  const std::size_t at = block.find(kName);
  if (at == std::string_view::npos || at + kName.size() + 1 >= block.size()) return {};
  const std::size_t length = static_cast<unsigned char>(block[at + kName.size()]);
  const std::string digits(block.substr(at + kName.size() + 1, length));
  return NameOf(static_cast<absl::StatusCode>(std::atoi(digits.c_str())));
}

}  // namespace

std::string MessagePrefix(bool compressed, std::uint32_t length) {
  return std::string(1, compressed ? '\1' : '\0') + BigEndian(length, 4);
}

absl::StatusOr<std::unique_ptr<RawHttp2>> RawHttp2::Connect(const EndpointConfig& endpoint, bool hello,
                                                            const std::string& from) {
  ASSIGN_OR_RETURN(RawSocket socket, RawSocket::Connect(endpoint.address, from));
  std::unique_ptr<RawHttp2> connection(new RawHttp2(std::move(socket)));
  // Reads have a short time limit, so that one thread can both write and read.
  setsockopt(connection->socket_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &kReadTurn, sizeof(kReadTurn));
  if (!endpoint.plaintext) RETURN_IF_ERROR(connection->ShakeHands(endpoint));
  if (hello && !(connection->WriteBytes(kPreface) && connection->Write(kSettings, 0, 0, ""))) {
    return absl::UnavailableError("the endpoint closed the connection at once");
  }
  return connection;
}

absl::Status RawHttp2::ShakeHands(const EndpointConfig& endpoint) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!endpoint.certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context.get(), endpoint.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), endpoint.key.c_str(), SSL_FILETYPE_PEM);
  }
  constexpr unsigned char kProtocols[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context.get(), kProtocols, sizeof(kProtocols));
  ssl_ = {SSL_new(context.get()), SSL_free};
  SSL_set_fd(ssl_.get(), socket_.descriptor());
  const Clock::time_point deadline = Clock::now() + kWindowPatience;
  while (Clock::now() < deadline) {
    const int done = SSL_connect(ssl_.get());
    if (done == 1) return absl::OkStatus();
    if (SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) break;
  }
  ERR_clear_error();
  return absl::UnavailableError("the endpoint refused the TLS handshake");
}

RawHttp2::~RawHttp2() { ERR_clear_error(); }

bool RawHttp2::WriteBytes(std::string_view bytes) {
  if (gone_) return false;
  if (ssl_ == nullptr) {
    gone_ = !socket_.Send(bytes);
  } else if (!bytes.empty()) {
    gone_ = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0;
  }
  return !gone_;
}

std::string RawHttp2::Framed(Frame type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return absl::StrCat(BigEndian(static_cast<std::uint32_t>(payload.size()), 3),
                      std::string(1, static_cast<char>(type)), std::string(1, static_cast<char>(flags)),
                      BigEndian(stream, 4), std::string(payload));
}

bool RawHttp2::Write(Frame type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return WriteBytes(Framed(type, flags, stream, payload));
}

std::string RawHttp2::Encode(const Headers& headers) {
  std::string block;
  for (const auto& [name, value] : headers) {
    block += '\0';  // A literal header that is not added to the table.
    block += HpackText(name) + HpackText(value);
  }
  return block;
}

std::string RawHttp2::EncodeToRemember(const Headers& headers) {
  std::string block;
  for (const auto& [name, value] : headers) {
    block += '\x40';  // A literal header that is added to the table.
    block += HpackText(name) + HpackText(value);
  }
  return block;
}

std::string RawHttp2::Remembered(std::size_t count) {
  constexpr std::size_t kNewest = 62, kIndexed = 0x80;
  std::string block;
  for (std::size_t i = count; i > 0; --i) block += static_cast<char>(kIndexed | (kNewest + i - 1));
  return block;
}

RawHttp2::Headers RawHttp2::CallHeaders(const std::string& path, const std::string& token) {
  Headers headers = {{":method", "POST"},         {":scheme", "https"}, {":path", path},
                     {":authority", "localhost"}, {"te", "trailers"},   {"content-type", "application/grpc"}};
  if (!token.empty()) headers.emplace_back("authorization", "Bearer " + token);
  return headers;
}

bool RawHttp2::Call(std::uint32_t stream, const std::string& path, const std::string& token,
                    const Headers& more) {
  Headers headers = CallHeaders(path, token);
  headers.insert(headers.end(), more.begin(), more.end());
  windows_.emplace(stream, window_begin_);
  return Write(kHeaders, kEndHeaders, stream, Encode(headers));
}

bool RawHttp2::Body(std::uint32_t stream, std::string_view bytes, bool end) {
  Clock::time_point deadline = Clock::now() + kWindowPatience;
  if (bytes.empty()) return Write(kData, end ? kEndStream : 0, stream, "");
  while (!bytes.empty()) {
    std::int64_t& of_stream = windows_.try_emplace(stream, window_begin_).first->second;
    const std::int64_t allowed = std::min(window_, of_stream);
    if (allowed <= 0) {
      if (Clock::now() > deadline || ended_.contains(stream) || !Pump()) return false;
      continue;
    }
    const std::size_t size = std::min({bytes.size(), kFrameBytesMax, static_cast<std::size_t>(allowed)});
    const bool last = end && size == bytes.size();
    if (!Write(kData, last ? kEndStream : 0, stream, bytes.substr(0, size))) return false;
    window_ -= static_cast<std::int64_t>(size);
    of_stream -= static_cast<std::int64_t>(size);
    bytes.remove_prefix(size);
    deadline = Clock::now() + kWindowPatience;
  }
  return true;
}

Outcome RawHttp2::Await(std::uint32_t stream, std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    if (const auto found = ended_.find(stream); found != ended_.end()) return found->second;
    if (gone_) return {{kClosed}, "", ""};
    if (Clock::now() > deadline) return {{kOpen}, "", ""};
    Pump();
  }
}

bool RawHttp2::Pump() {
  if (gone_) return false;
  char buffer[16'384];
  int got = 0;
  if (ssl_ == nullptr) {
    const ssize_t read = recv(socket_.descriptor(), buffer, sizeof(buffer), 0);
    if (read < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    got = static_cast<int>(read);
  } else {
    got = SSL_read(ssl_.get(), buffer, sizeof(buffer));
    if (got <= 0 && SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ) return true;
  }
  if (got <= 0) {
    gone_ = true;
    return false;
  }
  received_.append(buffer, static_cast<std::size_t>(got));
  while (received_.size() >= kFrameHeaderBytes) {
    const std::size_t size = ReadBigEndian(std::string_view(received_).substr(0, 3));
    if (received_.size() < kFrameHeaderBytes + size) break;
    Take(static_cast<std::uint8_t>(received_[3]), static_cast<std::uint8_t>(received_[4]),
         ReadBigEndian(std::string_view(received_).substr(5, 4)) & 0x7FFFFFFFU,
         std::string_view(received_).substr(kFrameHeaderBytes, size));
    received_.erase(0, kFrameHeaderBytes + size);
  }
  return true;
}

void RawHttp2::Take(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  switch (type) {
    case kHeaders: {
      const std::string status = StatusIn(payload);
      if (!status.empty()) {
        ended_[stream] = {{status}, "", ""};
      } else if ((flags & kEndStream) != 0) {
        ended_[stream] = {{kClosed}, "an answer without a gRPC status", ""};
      }
      return;
    }
    case kReset:
      ended_.try_emplace(stream, Outcome{{kClosed}, "the stream was reset", ""});
      return;
    case kSettings:
      if ((flags & 1U) != 0) return;
      for (std::size_t at = 0; at + 6 <= payload.size(); at += 6) {
        if (ReadBigEndian(payload.substr(at, 2)) != kInitialWindow) continue;
        const std::int64_t begin = ReadBigEndian(payload.substr(at + 2, 4));
        for (auto& [number, window] : windows_) window += begin - window_begin_;
        window_begin_ = begin;
      }
      Write(kSettings, 1, 0, "");
      return;
    case kPing:
      if ((flags & 1U) == 0) Write(kPing, 1, 0, payload);
      return;
    case kWindowUpdate: {
      const std::int64_t more = ReadBigEndian(payload.substr(0, 4));
      (stream == 0 ? window_ : windows_.try_emplace(stream, window_begin_).first->second) += more;
      return;
    }
    case kGoAway:
    default:
      return;
  }
}

}  // namespace mirror::harness
