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

/// Passes connections to gRPC in threads of its own. gRPC's call for it reads from the connection as long as
/// bytes wait there. So a client that sends without a pause occupies the thread until the accept loop ends
/// the connection. If the accept loop's own thread were occupied, it could never do so.
class HandoverThreads {
 public:
  /// Takes ownership of a connected socket, and closes it later.
  using Handover = std::function<void(int socket)>;

  /// Starts a thread for each element of `handovers`, because each of gRPC's acceptors takes one connection
  /// at a time.
  explicit HandoverThreads(std::vector<Handover> handovers);
  /// Calls Stop(), and waits for the threads.
  ~HandoverThreads();
  HandoverThreads(const HandoverThreads&) = delete;
  HandoverThreads& operator=(const HandoverThreads&) = delete;

  /// Passes the socket to a thread. After Stop(): closes the socket.
  void Take(int socket);
  /// Closes the sockets that wait. Returns false if a thread was still at work at `deadline`. That thread
  /// continues until the bytes on its connection pause, or the connection is closed.
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
