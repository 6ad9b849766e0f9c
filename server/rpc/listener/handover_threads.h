#ifndef MIRROR_SERVER_RPC_LISTENER_HANDOVER_THREADS_H_
#define MIRROR_SERVER_RPC_LISTENER_HANDOVER_THREADS_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// Hands connections over to gRPC in threads beside the accept loop. The call that does it reads from that
/// connection as long as bytes wait there. So a client that sends without a pause holds the thread until the
/// accept loop ends the connection. The accept loop's own thread would never end it.
class HandoverThreads {
 public:
  /// Takes ownership of a connected socket, and closes it at some later time.
  using Handover = std::function<void(int socket)>;

  /// A thread for each of them: gRPC's acceptors take one connection at a time.
  explicit HandoverThreads(std::vector<Handover> handovers);
  /// Stops, and waits for the threads.
  ~HandoverThreads();
  HandoverThreads(const HandoverThreads&) = delete;
  HandoverThreads& operator=(const HandoverThreads&) = delete;

  /// Hands the socket over; after Stop() it closes the socket.
  void Take(int socket);
  /// Closes the waiting sockets. False: a thread was still at work at `deadline`; it continues until the
  /// bytes on its connection pause, or the connection is closed.
  bool Stop(std::chrono::system_clock::time_point deadline);

 private:
  void Run(const Handover& handover);

  const std::vector<Handover> handovers_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<int> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::size_t busy_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool stopped_ MIRROR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_HANDOVER_THREADS_H_
