#ifndef MIRROR_SERVER_RPC_LISTENER_AUTHENTICATED_TRAFFIC_H_
#define MIRROR_SERVER_RPC_LISTENER_AUTHENTICATED_TRAFFIC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// Counts, for each connection, the bytes for which calls with
/// a good token vouch. No call vouches for the rest: an unfinished message,
/// headers without an end, what a stranger sends.
///
/// A connection is named by its other end, as gRPC's peer() writes it: "ipv4:127.0.0.1:40044".
/// Threads: any.
class AuthenticatedTraffic {
 public:
  struct Report {
    std::uint64_t bytes = 0;          ///< In messages that were read.
    std::uint64_t other_bytes = 0;    ///< In messages that were not read, and are freed.
    std::uint32_t empty_calls = 0;    ///< Without a message: most were cancelled by their callers.
    std::uint32_t refused_calls = 0;  ///< Without a good token.
    std::uint32_t open_calls = 0;     ///< Calls that need no token.
  };

  /// Registers a new connection with this other end.
  void Begin(const std::string& peer);
  void End(const std::string& peer);
  /// Notes an admitted call on it with so many bytes. Does nothing when the connection is not known.
  void Vouch(std::string_view peer, std::uint64_t bytes);
  /// Notes a call without a message, which may have had so many bytes that no code saw.
  void NoteEmptyCall(std::string_view peer, std::uint64_t other_bytes);
  /// Notes a call without a good token.
  void NoteRefusedCall(std::string_view peer);
  /// Notes a call that needs no token.
  void NoteOpenCall(std::string_view peer);
  /// Notes that a stream without a token is held open on it; Release(): not any more.
  void Hold(std::string_view peer);
  void Release(std::string_view peer);
  bool Holds(const std::string& peer);
  /// Returns what was reported for each since the last Take(). It takes all at once: while handlers compete
  /// for the lock, a caller that asks for a hundred connections one by one waits a hundred times.
  std::vector<Report> Take(const std::vector<const std::string*>& peers);

 private:
  struct Entry {
    Report report;
    std::uint32_t held = 0;  ///< Streams.
  };
  /// Null: no connection has this name.
  Entry* FindEntry(const std::string& name) MIRROR_REQUIRES(mutex_);

  Mutex mutex_;
  std::unordered_map<std::string, Entry> connections_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns the name of another end as used here: gRPC's own text, with its brackets and without a scope.
std::string PeerName(std::string_view grpc_peer);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_AUTHENTICATED_TRAFFIC_H_
