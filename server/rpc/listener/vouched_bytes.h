#ifndef MIRROR_SERVER_RPC_LISTENER_VOUCHED_BYTES_H_
#define MIRROR_SERVER_RPC_LISTENER_VOUCHED_BYTES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// What calls say of the connections on which they came: for how many of their bytes a call with a good token
/// answers. What comes beyond that belongs to nobody: an unfinished message, headers without an end, what a
/// stranger sends.
///
/// A connection is named by its other end, as gRPC's peer() writes it: "ipv4:127.0.0.1:40044".
/// Threads: any.
class VouchedBytes {
 public:
  struct Report {
    std::uint64_t bytes = 0;          ///< Of messages that were read.
    std::uint64_t other_bytes = 0;    ///< Of messages that were not, and are gone.
    std::uint32_t empty_calls = 0;    ///< Without a message: most were taken back by who made them.
    std::uint32_t refused_calls = 0;  ///< Without a good token.
    std::uint32_t open_calls = 0;     ///< That need no token.
  };

  /// A new connection of this other end.
  void Begin(const std::string& peer);
  void End(const std::string& peer);
  /// A call on it was let in, and had so many bytes. Nothing happens when the connection is not known.
  void Vouch(std::string_view peer, std::uint64_t bytes);
  /// A call without a message, which may have had so many bytes that nobody saw.
  void NoteEmptyCall(std::string_view peer, std::uint64_t other_bytes);
  /// A call without a good token.
  void NoteRefusedCall(std::string_view peer);
  /// A call that needs no token.
  void NoteOpenCall(std::string_view peer);
  /// A stream that anybody may hold is held open on it, or not any more.
  void Hold(std::string_view peer);
  void Release(std::string_view peer);
  bool Holds(const std::string& peer);
  /// What was said of each since the last Take(). All at once: while handlers crowd at the lock, whoever asks
  /// for a hundred connections one by one waits a hundred times.
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

/// The one way in which another end is written here: gRPC's own, brackets as they are and without a scope.
std::string PeerName(std::string_view grpc_peer);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_VOUCHED_BYTES_H_
