// mirror-bench-echo: the floor under a one-row push: the server's own listener, with gRPC and TLS, and behind
// it one write and one sync as long as those of a commit.
#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "certs/tls.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "server/config/config.h"
#include "server/rpc/listener/endpoint.h"

namespace mirror::bench {
namespace {

/// Three pages of SQLite's log: the row's, that of the mirror's metadata, the receipt's.
constexpr std::size_t kCommitBytes = 3 * (4'096 + 24);
/// As many as the file holds, which was filled with zeros and synced: no sync has to find room.
constexpr std::uint64_t kCommits = 1'000;

/// Stands for a mirror's log.
class SyncedFile {
 public:
  static absl::StatusOr<std::unique_ptr<SyncedFile>> Make(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening '", path, "'"));
    std::unique_ptr<SyncedFile> made(new SyncedFile(file));
    const std::string zeros(kCommitBytes, '\0');
    for (std::uint64_t i = 0; i < kCommits; ++i) {
      if (write(file, zeros.data(), zeros.size()) != static_cast<ssize_t>(zeros.size())) {
        return absl::ErrnoToStatus(errno, absl::StrCat("writing '", path, "'"));
      }
    }
    if (fsync(file) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("syncing '", path, "'"));
    return made;
  }
  ~SyncedFile() { close(file_); }
  SyncedFile(const SyncedFile&) = delete;
  SyncedFile& operator=(const SyncedFile&) = delete;

  bool Commit() {
    const MutexLock lock(mutex_);
    const auto to = static_cast<off_t>(commits_++ % kCommits * kCommitBytes);
    bytes_.assign(kCommitBytes, static_cast<char>('a' + commits_ % 26));
    return pwrite(file_, bytes_.data(), bytes_.size(), to) == static_cast<ssize_t>(bytes_.size()) &&
           fdatasync(file_) == 0;
  }

 private:
  explicit SyncedFile(int file) : file_(file) {}

  const int file_;
  Mutex mutex_;
  std::uint64_t commits_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::string bytes_ MIRROR_GUARDED_BY(mutex_);
};

class Echo final : public v1::MirrorClientService::Service {
 public:
  explicit Echo(SyncedFile& file) : file_(file) {}

  grpc::Status RowData(grpc::ServerContext* /*context*/, const v1::RowDataRequest* request,
                       v1::RowDataResponse* response) override {
    return Answer(*request, response);
  }

  grpc::Status RowDataStream(
      grpc::ServerContext* /*context*/,
      grpc::ServerReaderWriter<v1::RowDataResponse, v1::RowDataRequest>* stream) override {
    v1::RowDataRequest request;
    while (stream->Read(&request)) {
      v1::RowDataResponse response;
      if (grpc::Status status = Answer(request, &response); !status.ok()) return status;
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

 private:
  grpc::Status Answer(const v1::RowDataRequest& request, v1::RowDataResponse* response) {
    if (!file_.Commit()) return {grpc::StatusCode::UNAVAILABLE, "the disk answers with an error"};
    for (const v1::ChangeBatch& batch : request.batches()) {
      v1::BatchResult* const result = response->add_results();
      result->set_table(batch.table());
      result->set_seq(batch.seq());
    }
    return grpc::Status::OK;
  }

  SyncedFile& file_;
};

int Fail(const absl::Status& status) {
  std::cerr << "mirror-bench-echo: " << std::string(status.message()) << "\n";
  return 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Answers pushes as a mirror does, and only writes and syncs. Ends when stdin does.",
               "mirror-bench-echo");
  std::string config_path, path;
  app.add_option("--config", config_path, "mirror-server.toml, for its certificate")->required();
  app.add_option("--file", path, "Written to and synced")->required();
  CLI11_PARSE(app, argc, argv);

  const absl::StatusOr<ServerConfig> config = LoadServerConfig(config_path);
  if (!config.ok()) return Fail(config.status());
  const auto file = SyncedFile::Make(path);
  if (!file.ok()) return Fail(file.status());
  const ListenConfig& listen = config->listen;
  const auto credentials = MakeServerCredentials({listen.certificate, listen.key, listen.client_ca});
  if (!credentials.ok()) return Fail(credentials.status());
  Listener::Options options;
  options.accept.name = "sources";
  options.accept.address = listen.address;
  options.credentials = *credentials;
  options.service_name = "mirror.v1.MirrorClientService";
  options.message_bytes_max = static_cast<int>(config->limits.message_bytes_max);
  options.threads_max = static_cast<int>(config->limits.calls_max);
  options.memory_bytes_max = config->limits.bytes_in_flight_max;
  Echo echo(**file);
  const auto listener = Listener::Open(options, &echo);
  if (!listener.ok()) return Fail(listener.status());
  (*listener)->Start();
  std::cout << (*listener)->port() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  (*listener)->Stop(std::chrono::system_clock::now());
  return 0;
}

}  // namespace
}  // namespace mirror::bench

int main(int argc, char** argv) { return mirror::bench::Main(argc, argv); }
