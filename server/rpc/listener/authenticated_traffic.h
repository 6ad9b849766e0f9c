#ifndef MIRROR_SERVER_RPC_LISTENER_AUTHENTICATED_TRAFFIC_H_
#define MIRROR_SERVER_RPC_LISTENER_AUTHENTICATED_TRAFFIC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// Counts, for each connection, the bytes for which calls with a good token vouch: bytes of messages that
/// such calls read. For other bytes no call vouches: an unfinished message, headers without an end, anything
/// from a stranger.
///
/// A connection has the name of its other end, as gRPC's peer() writes it: "ipv4:127.0.0.1:40044".
/// Threads: any.
class AuthenticatedTraffic {
 public:
  struct Report {
    std::uint64_t bytes = 0;          ///< Bytes in messages that were read.
    std::uint64_t other_bytes = 0;    ///< Bytes in messages that were not read, and are freed.
    std::uint32_t empty_calls = 0;    ///< Calls without a message; most were cancelled by their callers.
    std::uint32_t refused_calls = 0;  ///< Calls without a good token.
    std::uint32_t open_calls = 0;     ///< Calls that need no token.
  };

  /// Registers a new connection with this name.
  void Begin(const std::string& peer);
  void End(const std::string& peer);
  /// Notes an admitted call with `bytes` on the connection. Does nothing if the connection is not known.
  void Vouch(std::string_view peer, std::uint64_t bytes);
  /// Notes a call without a message. `other_bytes`: what it may have sent that no handler saw.
  void NoteEmptyCall(std::string_view peer, std::uint64_t other_bytes);
  /// Notes a call without a good token.
  void NoteRefusedCall(std::string_view peer);
  /// Notes a call that needs no token.
  void NoteOpenCall(std::string_view peer);
  /// Notes that a stream without a token is open on the connection. Release() ends that.
  void Hold(std::string_view peer);
  void Release(std::string_view peer);
  bool Holds(const std::string& peer);
  /// Returns what was noted for each connection since the last Take(). Takes all in one call: a caller that
  /// asked for a hundred connections one by one would wait for the lock a hundred times.
  std::vector<Report> Take(const std::vector<const std::string*>& peers);

 private:
  struct Entry {
    Report report;
    std::uint32_t held = 0;  ///< Number of held streams.
  };
  /// Null: no connection has this name.
  Entry* FindEntry(const std::string& name) MIRROR_REQUIRES(mutex_);

  Mutex mutex_;
  std::unordered_map<std::string, Entry> connections_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns the name that this class uses for another end: gRPC's text, with its brackets and without a scope.
std::string PeerName(std::string_view grpc_peer);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_AUTHENTICATED_TRAFFIC_H_
