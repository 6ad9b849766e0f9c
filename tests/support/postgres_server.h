#ifndef MIRROR_TESTS_SUPPORT_POSTGRES_SERVER_H_
#define MIRROR_TESTS_SUPPORT_POSTGRES_SERVER_H_

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

/// A PostgreSQL of a test's own: in a temporary folder, as an ordinary user, reached by a unix socket there.
/// It goes with its object, and with this process however that ends.
class PostgresServer {
 public:
  /// Empty: PostgreSQL is installed. Else which package is missing.
  static std::string WhyNot();
  /// One for all tests of this program, started when it is first asked for. Null: WhyNot(), or it does not
  /// start, which fails the test.
  static PostgresServer* Shared();

  /// `settings`: "name=value", over those that keep it small. Errors: with its log.
  static absl::StatusOr<std::unique_ptr<PostgresServer>> Start(const std::vector<std::string>& settings = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// libpq's, as the superuser "mirror".
  std::string Conninfo(const std::string& database = "postgres") const;
  /// An empty database under a name that no other test has: the conninfo of it.
  std::string NewDatabase();
  /// The folder of its socket.
  const std::string& folder() const { return folder_; }
  std::string data() const { return folder_ + "/data"; }

  /// What `kill -9` of all of its processes does, when nobody waits for anything.
  void Kill();
  /// After Kill() or Stop(): it recovers. Errors: with its log.
  absl::Status StartAgain();
  /// Ends as "fast": open transactions are rolled back.
  void Stop();
  /// Stops, and starts as a standby of nobody: it can be read.
  absl::Status StartAsStandby();
  std::string Log() const;

 private:
  PostgresServer() = default;
  absl::Status MakeData();

  std::string folder_;
  std::vector<std::string> settings_;
  FILE* keeper_ = nullptr;  ///< Ends what is left when this process is gone.
  int databases_ = 0;
};

/// Stands between a client and a PostgreSQL, and cuts the connection where a test wants it.
class PostgresProxy {
 public:
  enum class Cut {
    kBeforeItArrives,  ///< What holds the word does not reach the server.
    kBeforeTheAnswer,  ///< The server has done it, and its answer does not reach the client.
  };
  explicit PostgresProxy(const PostgresServer& server);
  ~PostgresProxy();
  PostgresProxy(const PostgresProxy&) = delete;
  PostgresProxy& operator=(const PostgresProxy&) = delete;

  std::string Conninfo(const std::string& database = "postgres") const;
  /// The next message of a client that holds `word` ends its connection.
  void CutAt(const std::string& word, Cut cut);
  /// From here on nothing passes, and nothing ends: the network is gone.
  void Swallow();
  /// How often the server answered what a client had sent, by all connections.
  int RoundTrips() const;
  /// What clients have sent since the last call, which is kept from the first one on.
  std::string TakeSent();
  /// The folder of its socket, as `host` of a conninfo.
  const std::string& folder() const { return folder_; }

 private:
  class Shared;
  const std::string folder_;
  std::shared_ptr<Shared> shared_;
  int listener_ = -1;
  std::thread acceptor_;
};

}  // namespace mirror

/// First in a test, or in SetUp(): the test is left out where PostgreSQL is not installed.
#define SKIP_WITHOUT_POSTGRES()                                                                      \
  do {                                                                                               \
    if (const std::string why = mirror::PostgresServer::WhyNot(); !why.empty()) GTEST_SKIP() << why; \
  } while (false)

#endif  // MIRROR_TESTS_SUPPORT_POSTGRES_SERVER_H_
