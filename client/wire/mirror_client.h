#ifndef MIRROR_CLIENT_WIRE_MIRROR_CLIENT_H_
#define MIRROR_CLIENT_WIRE_MIRROR_CLIENT_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/counters.h"
#include "base/mutex.h"
#include "certs/key.h"
#include "certs/token.h"
#include "client/wire/heartbeat_terms.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/receipt.h"
#include "proto/wire/table.h"

namespace grpc {
class Channel;
class ChannelCredentials;
class Status;
}  // namespace grpc

namespace mirror {

/// The calls of an agent, by their names in the metrics. RowDataStream:
/// one request of the stream, from its sending to its answer.
inline constexpr std::array<std::string_view, 8> kTimedCalls = {
    "Authenticate",         "TableSchema",  "RowData",  "RowDataStream",
    "ReplicationCompleted", "DigestRanges", "ReadRows", "other"};

/// Counters of the wire for one source. Threads: any.
struct WireCounters {
  std::array<Timings, kTimedCalls.size()> calls;
  Counter sent_bytes;  ///< Bytes of requests with rows.

  Timings& Of(std::string_view call) {
    std::size_t index = 0;
    while (index + 1 < kTimedCalls.size() && kTimedCalls[index] != call) ++index;
    return calls[index];
  }
};

/// Identity of the source, and of the endpoint that it expects. Shared by all tenants of one process.
struct Identity {
  std::string issuer;
  std::shared_ptr<const SigningKey> key;
  std::string application_id;  ///< The audience of every token.
  std::shared_ptr<const PublicKey> application_key;
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";
};

/// Maximum duration of calls; then they are kDeadlineExceeded. The connection's keepalive
/// detects an unreachable endpoint, but not one that is connected and does not answer.
struct Patience {
  std::chrono::milliseconds authenticate = std::chrono::minutes(1);
  /// TableSchema may create thousands of tables.
  std::chrono::milliseconds call = std::chrono::minutes(10);
  /// For calls with rows, or a step of a stream: they may swap a large table.
  /// Also for calls for which the endpoint may have to read a whole table.
  std::chrono::milliseconds long_call = std::chrono::hours(1);
  /// The time on the way makes the age that a heartbeat tells too short.
  std::chrono::milliseconds heartbeat = std::chrono::seconds(5);
};

/// Cycles that a source with an exchange knows, see AuthenticateRequest.
struct KnownCycles {
  std::int64_t completing = 0, completed = 0;
};

/// Result of a fetch.
struct FetchAnswer {
  std::vector<v1::Delivery> deliveries;  ///< In the order in which they are applied.
  bool whole = false;                    ///< See FetchDeliveriesResponse.
  std::string waiting;                   ///< Why the hub gives nothing now; empty: this is its answer.
};

/// RowDataStream with a window: several requests in flight, one answer for each, in order.
/// Threads: one that sends and receives. Ends with Finish or with the object.
class RowStream {
 public:
  virtual ~RowStream() = default;
  /// Writes one request. The caller limits the window: it calls Receive before more than
  /// `window` requests are unanswered. Errors: the call's status, as for MirrorClient's calls.
  virtual absl::Status Send(const v1::RowDataRequest& request) = 0;
  /// Returns the answer to the oldest unanswered request.
  virtual absl::StatusOr<v1::RowDataResponse> Receive() = 0;
  /// Half-closes, and returns the call's status after every answer was received.
  virtual absl::Status Finish() = 0;
};

/// Whether this error of Authenticate says that the endpoint has no mirror of the tenant yet. It accepted the
/// token.
bool HasNoMirrorYet(const absl::Status& status);

/// The source's end of the wire for one tenant: signs its calls and verifies the endpoint's proof.
/// Authenticate gets a token of its own. The other calls share one for kCallTokenReused
/// seconds, because signing and verifying a token costs as much as a small call.
///
/// Errors of every call are the endpoint's status and message. kUnavailable: no
/// answer; the message has the address and what to check (name, port, TLS chain).
/// kUnauthenticated: the endpoint cannot prove its identity. Threads: any.
class MirrorClient {
 public:
  static constexpr std::int64_t kCallTokenReused = 60;
  static constexpr std::uint32_t kDeliveriesMax = 10'000;
  static constexpr std::size_t kDeliveryBytesMax = 16'000'000;

  MirrorClient(std::shared_ptr<grpc::Channel> channel, Identity identity, std::string context_id);
  ~MirrorClient();
  MirrorClient(const MirrorClient&) = delete;
  MirrorClient& operator=(const MirrorClient&) = delete;

  /// Asks for a cycle. Fails if the signature of the endpoint's answer is wrong, whatever the answer says.
  /// `announced_sha256`: see AuthenticateRequest.
  absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& holder, bool take_over, bool probe,
                                                        const ReceiptHead& receipts = {},
                                                        const std::optional<KnownCycles>& cycles = {},
                                                        const std::string& announced_sha256 = {});
  /// Verifies a token of the endpoint on the chain of receipts, see VerifyReceiptHead().
  absl::StatusOr<SignedHead> OpenReceiptHead(const std::string& token) const;
  absl::StatusOr<v1::TableSchemaResponse> TableSchema(const v1::TableSchemaRequest& request);
  absl::StatusOr<v1::RowDataResponse> RowData(const v1::RowDataRequest& request);
  absl::StatusOr<std::unique_ptr<RowStream>> OpenRowStream();
  absl::StatusOr<v1::WipeResponse> Wipe(const v1::WipeRequest& request);
  absl::StatusOr<v1::ReplicationCompletedResponse> ReplicationCompleted(
      const v1::ReplicationCompletedRequest& request);

  absl::StatusOr<v1::DigestRangesResponse> DigestRanges(const v1::DigestRangesRequest& request);
  /// `take` gets each message; its error ends the call and is returned.
  absl::Status ReadRows(const v1::ReadRowsRequest& request,
                        const std::function<absl::Status(const v1::ReadRowsResponse&)>& take);

  /// Fetches after the last completed cycle. Memory: kDeliveriesMax deliveries, or
  /// kDeliveryBytesMax bytes: the rest is left for the next fetch, and the answer is not whole.
  absl::StatusOr<FetchAnswer> FetchDeliveries(std::int64_t cycle);
  /// Returns the number of waiting deliveries, without fetching any.
  absl::StatusOr<std::uint64_t> CountDeliveries(std::int64_t cycle);
  absl::Status ReportDeliveries(const v1::ReportDeliveriesRequest& request);

  /// `age`: time since the begin of a look that found nothing to send. Returns the time until the next one.
  /// Errors: also kUnimplemented: the endpoint takes none; kAborted: it cannot apply this one.
  absl::StatusOr<std::chrono::milliseconds> Heartbeat(const HeartbeatTerms& terms,
                                                      std::chrono::milliseconds age);

  const std::string& context_id() const { return context_id_; }
  /// Sets the counters that time calls from now on; they outlive the client. Null: calls are not timed.
  void set_counters(WireCounters* counters) { counters_ = counters; }
  void set_patience(const Patience& patience) { patience_ = patience; }
  /// For tests and hostile clients: calls are sent with this text
  /// instead of a proper token; empty: proper tokens again.
  void set_token_override(std::string token) { token_override_ = std::move(token); }

 private:
  /// gRPC's stub. Its header takes most of a file's compile time, so only one file includes it.
  struct Service;

  absl::StatusOr<std::string> Token(TokenUse use, const std::string& nonce) const;
  absl::StatusOr<std::string> CallToken();
  template <typename Response, typename Call>
  absl::StatusOr<Response> Unary(const char* name, const Call& call, std::chrono::milliseconds timeout);
  void ForgetToken(const grpc::Status& status);

  std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Service> service_;
  Identity identity_;
  std::string context_id_;
  std::string token_override_;
  WireCounters* counters_ = nullptr;
  Patience patience_;
  Mutex mutex_;
  /// Token of the last calls. Empty: none yet, or a call other than a stream was refused with it.
  std::string call_token_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t call_token_made_ MIRROR_GUARDED_BY(mutex_) = 0;
};

/// Opens a channel with the message size and keepalive that the protocol needs. `address` is host:port.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                           const std::shared_ptr<grpc::ChannelCredentials>& credentials);

/// Data of AnnouncedLoss in mirror_client.proto.
struct LossOfMirror {
  std::string table;
  bool retired = false;
  std::int64_t rows = 0;
  std::vector<std::string> columns = {};
  std::uint64_t values = 0;
  bool held = false;
};

/// Effects that an announcement would have on the mirror.
struct AnnouncedLook {
  struct Table {
    std::string table;
    bool refused = false;  ///< False: it would be populated again.
    std::string reason;
  };
  std::vector<Table> tables;  ///< Tables that are refused or populated.
  std::vector<LossOfMirror> losses;
};

/// Calls TableSchema as a dry run: nothing is done. Errors: the call's; kAborted: no dry runs there.
absl::StatusOr<AnnouncedLook> LookAtAnnouncement(MirrorClient& client, const std::string& source_id,
                                                 const std::vector<TableSchema>& tables);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_MIRROR_CLIENT_H_
