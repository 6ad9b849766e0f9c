#ifndef MIRROR_TESTS_SUPPORT_LYING_ENDPOINT_H_
#define MIRROR_TESTS_SUPPORT_LYING_ENDPOINT_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "mirror/v1/mirror_client.grpc.pb.h"

namespace mirror {

/// Stands between a source and a real endpoint, hands on what the source says as it is, and answers as it is
/// told: with the real answer, with one that was twisted, with an error, or with nothing at all.
class LyingEndpoint : public v1::MirrorClientService::Service {
 public:
  /// What becomes of one call, or of one message of a stream.
  struct Lie {
    enum class When {
      kNever,   ///< The real answer, after `twist`.
      kBefore,  ///< `status`, and the real endpoint hears nothing of it.
      kAfter,   ///< `status`, and the real endpoint did what was asked.
      kSilent,  ///< No answer until the source gives up.
      kTwice,   ///< Of a stream: the real answer twice.
      kLost,    ///< Of a stream: no answer, and it goes on.
    };
    When when = When::kNever;
    grpc::Status status = grpc::Status::OK;
    std::function<void(google::protobuf::Message*)> twist = {};
  };
  /// `call`: the name of the method. Called by one thread at a time.
  using Ask = std::function<Lie(const std::string& call)>;

  explicit LyingEndpoint(const std::shared_ptr<grpc::Channel>& real);
  ~LyingEndpoint() override;

  std::shared_ptr<grpc::Channel> Channel() const;
  /// From now on. Null: the truth.
  void Tell(Ask ask);
  /// Ends the silence of all calls that the source has given up.
  void Release();

 private:
  using Service = v1::MirrorClientService;

  grpc::Status Authenticate(grpc::ServerContext*, const v1::AuthenticateRequest*,
                            v1::AuthenticateResponse*) override;
  grpc::Status TableSchema(grpc::ServerContext*, const v1::TableSchemaRequest*,
                           v1::TableSchemaResponse*) override;
  grpc::Status RowData(grpc::ServerContext*, const v1::RowDataRequest*, v1::RowDataResponse*) override;
  grpc::Status RowDataStream(grpc::ServerContext*,
                             grpc::ServerReaderWriter<v1::RowDataResponse, v1::RowDataRequest>*) override;
  grpc::Status Wipe(grpc::ServerContext*, const v1::WipeRequest*, v1::WipeResponse*) override;
  grpc::Status ReplicationCompleted(grpc::ServerContext*, const v1::ReplicationCompletedRequest*,
                                    v1::ReplicationCompletedResponse*) override;
  grpc::Status DigestRanges(grpc::ServerContext*, const v1::DigestRangesRequest*,
                            v1::DigestRangesResponse*) override;
  grpc::Status ReadRows(grpc::ServerContext*, const v1::ReadRowsRequest*,
                        grpc::ServerWriter<v1::ReadRowsResponse>*) override;

  Lie LieOf(const std::string& call);
  grpc::Status StaySilent();
  /// `forward` asks the real endpoint.
  grpc::Status Answer(const std::string& call, google::protobuf::Message* response,
                      const std::function<grpc::Status()>& forward);

  std::unique_ptr<Service::Stub> real_;
  std::mutex mutex_;
  std::condition_variable released_;
  std::uint64_t releases_ = 0;
  bool over_ = false;
  Ask ask_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

/// Changes one thing somewhere in the message: a number, a text, a choice, or which entries a list has.
void Twist(google::protobuf::Message* message, std::mt19937_64& random);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_LYING_ENDPOINT_H_
