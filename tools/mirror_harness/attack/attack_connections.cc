// Attacks by connections without calls, or with malformed calls.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/raw_http2.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Number of descriptors that this process needs for other purposes.
constexpr std::size_t kOwnDescriptors = 200;
constexpr std::size_t kSilentConnections = 10'000;
constexpr char kHarmless[] = "CLOSED|OPEN";

/// Returns the first bytes of a TLS handshake. They announce more bytes, which do not follow.
std::string HalfHello() { return std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11); }

Attack::Run Say(const std::string& text) {
  return [text](Target& target) {
    absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.endpoint().address);
    if (!socket.ok()) return OutcomeOf(socket.status());
    socket->Send(text);
    return target.CheckService({{socket->Closed(kAttackPatience) ? kClosed : kOpen}, "", ""});
  };
}

/// Makes an attack by frames on a connection after its handshake; `talk` writes them.
Attack::Run Frames(std::function<Outcome(Target&, RawHttp2&)> talk, bool hello = true) {
  return [talk = std::move(talk), hello](Target& target) {
    absl::StatusOr<std::unique_ptr<RawHttp2>> connection = RawHttp2::Connect(target.endpoint(), hello);
    if (!connection.ok()) return OutcomeOf(connection.status());
    Outcome outcome = talk(target, **connection);
    connection->reset();
    outcome = target.CheckService(outcome);
    // The calls of this attack must have ended before the next attack uses the victim.
    target.AwaitVictimsPlace().IgnoreError();
    return outcome;
  };
}

/// Makes an attack by one complete call of the victim.
Attack::Run WholeCall(const std::string& path, const std::string& body, const RawHttp2::Headers& more = {}) {
  return Frames([path, body, more](Target& target, RawHttp2& connection) {
    connection.Call(1, path, target.CallToken(target.Tenant("victim")), more);
    connection.Body(1, body, true);
    return connection.Await(1, kAttackPatience);
  });
}

/// Begins `calls` calls that announce a message of 10 MB each, and sends a hundred bytes of each.
Outcome HalfMessages(RawHttp2& connection, std::uint32_t calls, const std::string& token) {
  for (std::uint32_t i = 0; i < calls; ++i) {
    connection.Call(2 * i + 1, kRowDataPath, token);
    connection.Body(2 * i + 1, MessagePrefix(false, 10'000'000) + std::string(100, 'x'), false);
  }
  return connection.Await(1, std::chrono::seconds(1));
}

Attack::Run VictimsHalfMessages(std::uint32_t calls) {
  return Frames([calls](Target& target, RawHttp2& connection) {
    const std::string token = target.CallToken(target.Tenant("victim"));
    return target.CheckVictim(HalfMessages(connection, calls, token), /*once_it_has_place=*/true);
  });
}

Outcome SilentConnections(Target& target) {
  const std::size_t limit = RaiseDescriptorLimit();
  const std::size_t wanted =
      std::min(kSilentConnections, limit > kOwnDescriptors ? limit - kOwnDescriptors : 1);
  std::vector<RawSocket> crowd;
  for (std::size_t i = 0; i < wanted; ++i) {
    absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.endpoint().address);
    if (!socket.ok()) break;
    crowd.push_back(*std::move(socket));
  }
  Outcome outcome;
  const auto deadline = Clock::now() + kAttackPatience;
  for (RawSocket& socket : crowd) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    outcome.got.insert(socket.Closed(std::max(left, std::chrono::milliseconds(1))) ? kClosed : kOpen);
  }
  outcome.words = absl::StrCat(crowd.size(), " connections (this process may open ", limit, " files)");
  if (crowd.size() < wanted)
    outcome.fault = absl::StrCat("only ", crowd.size(), " of ", wanted, " connected");
  return target.CheckService(outcome);
}

Outcome Storm(Target& target) {
  const auto end = Clock::now() + target.flood_time();
  std::size_t times = 0;
  for (; Clock::now() < end; ++times) {
    absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.endpoint().address);
    if (!socket.ok()) return OutcomeOf(socket.status());
    if (times % 3 == 1) socket->Send(HalfHello());
    if (times % 2 == 0) socket->Reset();
  }
  return target.CheckService({{kClosed}, absl::StrCat(times, " connections"), ""});
}

Outcome OldTls(Target& target) {
  absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.endpoint().address);
  if (!socket.ok()) return OutcomeOf(socket.status());
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  const std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context.get()), SSL_free);
  SSL_set_fd(tls.get(), socket->descriptor());
  const bool shaken = SSL_connect(tls.get()) == 1;
  ERR_clear_error();
  return target.CheckService({{shaken ? kOpen : kClosed}, "", ""});
}

Outcome Trickle(Target& target) {
  absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.endpoint().address);
  if (!socket.ok()) return OutcomeOf(socket.status());
  const auto end = Clock::now() + kAttackPatience;
  bool open = true;
  for (const char byte : HalfHello() + std::string(1'000, 'x')) {
    if (!open || Clock::now() > end) break;
    open = socket->Send({&byte, 1}) && !socket->Closed(std::chrono::milliseconds(500));
  }
  return target.CheckService({{open ? kOpen : kClosed}, "", ""});
}

/// Writes frames for the time of a flood, or until the endpoint ends the connection.
Outcome Flood(Target& target, RawHttp2& connection, const std::function<bool(std::uint32_t)>& write) {
  const auto end = Clock::now() + target.flood_time();
  std::uint32_t turn = 0;
  while (Clock::now() < end && write(turn)) {
    // Reads the endpoint's answers between the writes: otherwise the endpoint would stop reading.
    if (++turn % 64 == 0) connection.Await(0x7FFFFFFFU, std::chrono::milliseconds(0));
  }
  return {{Clock::now() < end ? kClosed : kOpen}, absl::StrCat(turn, " turns"), ""};
}

std::vector<Attack> Handshakes() {
  return {
      {"silent", "A connection that sends nothing.", "CLOSED", Say("")},
      {"plaintext-to-tls", "HTTP/2 without TLS on the port for TLS.", "CLOSED",
       Say(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33))},
      {"http-1", "A browser.", "CLOSED", Say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
      {"garbage-bytes", "A kilobyte of noise.", "CLOSED", Say(std::string(1'024, '\xa5'))},
      {"half-hello", "A TLS handshake that is not finished.", "CLOSED", Say(HalfHello())},
      {"trickled-hello", "A TLS handshake of two bytes a second.", "CLOSED", Trickle},
      {"tls-1.1", "A client that knows nothing newer than TLS 1.1.", "CLOSED", OldTls},
      {"nothing-behind-tls", "A finished handshake, and then nothing.", "CLOSED",
       Frames([](Target&, RawHttp2& connection) { return connection.Await(1, kAttackPatience); }, false)},
      {"http-1-behind-tls", "HTTP/1.1 after a finished handshake.", "CLOSED",
       Frames(
           [](Target&, RawHttp2& connection) {
             connection.WriteBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
             return connection.Await(1, kAttackPatience);
           },
           false)},
      {"crowd", "As many silent connections as this process may have, up to 10,000.", "CLOSED",
       SilentConnections},
      {"storm", "Connections that come and go as fast as they can.", "CLOSED", Storm},
  };
}

std::vector<Attack> BrokenFrames() {
  return {
      {"frame-too-large", "A frame of 16 MB, where 16 KB are agreed.", "CLOSED",
       Frames([](Target&, RawHttp2& connection) {
         connection.Write(RawHttp2::kHeaders, RawHttp2::kEndHeaders, 1, std::string((16 << 20) - 1, 'x'));
         return connection.Await(1, kAttackPatience);
       })},
      {"data-of-no-call", "Data for a call that was not made.", kHarmless,
       Frames([](Target&, RawHttp2& connection) {
         connection.Write(RawHttp2::kData, 0, 7, std::string(100, 'x'));
         return connection.Await(7, std::chrono::seconds(1));
       })},
      {"unfinished-headers", "Headers that never end.", "CLOSED|RESOURCE_EXHAUSTED",
       Frames([](Target& target, RawHttp2& connection) {
         connection.Write(RawHttp2::kHeaders, 0, 1,
                          RawHttp2::Encode(RawHttp2::CallHeaders(kRowDataPath, "")));
         const std::string more = RawHttp2::Encode({{"x-more", std::string(8'000, 'x')}});
         const auto end = Clock::now() + std::max(target.flood_time(), Clock::duration(kAttackPatience));
         while (Clock::now() < end && connection.Write(RawHttp2::kContinuation, 0, 1, more)) {
           const Outcome so_far = connection.Await(1, std::chrono::milliseconds(0));
           if (!so_far.got.contains(kOpen)) return so_far;
         }
         return connection.Await(1, std::chrono::milliseconds(0));
       })},
      {"header-bomb", "Headers of 64 KB in several frames, each of which is small enough.",
       "CLOSED|RESOURCE_EXHAUSTED|UNAUTHENTICATED", Frames([](Target&, RawHttp2& connection) {
         std::string block = RawHttp2::Encode(RawHttp2::CallHeaders(kRowDataPath, ""));
         for (int i = 0; i < 64; ++i) block += RawHttp2::Encode({{"x-more", std::string(1'000, 'x')}});
         connection.Write(RawHttp2::kHeaders, 0, 1, block.substr(0, 16'000));
         for (std::size_t at = 16'000; at < block.size(); at += 16'000) {
           const bool last = at + 16'000 >= block.size();
           connection.Write(RawHttp2::kContinuation, last ? RawHttp2::kEndHeaders : 0, 1,
                            block.substr(at, 16'000));
         }
         connection.Body(1, MessagePrefix(false, 0), true);
         return connection.Await(1, kAttackPatience);
       })},
  };
}

std::vector<Attack> OddCalls() {
  return {
      {"unknown-method", "A call that the service does not have.", "UNIMPLEMENTED",
       WholeCall("/mirror.v1.MirrorClientService/Shutdown", MessagePrefix(false, 0))},
      {"admin-on-this-port", "An operator's call on the port for sources.", "UNIMPLEMENTED",
       WholeCall("/mirror.v1.MirrorAdmin/ListTenants", MessagePrefix(false, 0))},
      {"encoding-unknown", "A message with an unknown compression.", "INVALID_ARGUMENT|UNIMPLEMENTED",
       WholeCall(kRowDataPath, MessagePrefix(true, 4) + "1234", {{"grpc-encoding", "lzma-of-mine"}})},
      {"unfinished-message", "A message of 10 MB of which only a hundred bytes are sent.", kHarmless,
       VictimsHalfMessages(1)},
      {"unfinished-messages", "A hundred unfinished messages on one connection.",
       "CLOSED|OPEN|RESOURCE_EXHAUSTED", VictimsHalfMessages(100)},
      {"unfinished-messages-stranger", "The same from a stranger without a token.",
       "CLOSED|OPEN|UNAUTHENTICATED",
       Frames([](Target&, RawHttp2& connection) { return HalfMessages(connection, 100, ""); })},
  };
}

std::vector<Attack> FrameFloods() {
  return {
      {"ping-flood", "Pings as fast as possible.", kHarmless,
       Frames([](Target& target, RawHttp2& connection) {
         return Flood(target, connection,
                      [&](std::uint32_t) { return connection.Write(RawHttp2::kPing, 0, 0, "12345678"); });
       })},
      {"settings-flood", "Settings as fast as possible; each needs an answer.", kHarmless,
       Frames([](Target& target, RawHttp2& connection) {
         return Flood(target, connection,
                      [&](std::uint32_t) { return connection.Write(RawHttp2::kSettings, 0, 0, ""); });
       })},
      {"rapid-reset", "Calls that are cancelled as soon as they are made.", kHarmless,
       Frames([](Target& target, RawHttp2& connection) {
         const std::string token = target.CallToken(target.Tenant("victim"));
         return Flood(target, connection, [&](std::uint32_t turn) {
           const std::uint32_t stream = 2 * turn + 1;
           return connection.Call(stream, kRowDataPath, token) &&
                  connection.Write(RawHttp2::kReset, 0, stream, std::string("\0\0\0\10", 4));
         });
       })},
  };
}

}  // namespace

Theme ConnectionAttacks() {
  return {"connections", Together({Handshakes, BrokenFrames, OddCalls, FrameFloods})};
}

}  // namespace mirror::harness
