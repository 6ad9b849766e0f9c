#ifndef MIRROR_SERVER_SOURCE_SOURCE_CALLS_H_
#define MIRROR_SERVER_SOURCE_SOURCE_CALLS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/limits.h"
#include "server/config/config.h"
#include "server/hooks/delivery/hook_runner.h"
#include "server/plan/caller.h"
#include "server/source/announcements.h"
#include "server/source/asked_tokens.h"
#include "server/source/gate.h"
#include "server/source/in_flight.h"
#include "server/source/row_decoder.h"
#include "server/source/source_call.h"
#include "server/tenant/tenant.h"
#include "server/tenant/tenants.h"
#include "server/watch/counters.h"

namespace mirror {

class Hubs;

/// The calls that sources make, at either door. Each call reserves a place among the running calls, decodes
/// the request, lets the tenant do the work, and answers. Errors have their full text; a door sends
/// SourceWords() of it. A long call asks the gate again for each message. Only the expiry of its token does
/// not end it. Threads: any.
class SourceCalls {
 public:
  /// All arguments must outlive this object. `hooks` and `hubs` may be null: there are none. `may_agree`:
  /// called by any thread before tables are announced, an error refuses it; null: never refuses.
  SourceCalls(Gate& gate, Tenants& tenants, const LimitsConfig& limits, HookRunner* hooks,
              ServerCounters& counters, std::function<absl::Status()> may_agree, Hubs* hubs);

  InFlight::Usage usage() { return in_flight_.usage(); }

  absl::Status Authenticate(SourceCall& call, const v1::AuthenticateRequest& request,
                            v1::AuthenticateResponse* response);
  /// Takes ownership of the request's content.
  absl::Status TableSchema(SourceCall& call, v1::TableSchemaRequest& request,
                           v1::TableSchemaResponse* response);
  absl::Status RowData(SourceCall& call, const v1::RowDataRequest& request, v1::RowDataResponse* response);
  absl::Status Wipe(SourceCall& call, const v1::WipeRequest& request, v1::WipeResponse* response);
  absl::Status ReplicationCompleted(SourceCall& call, const v1::ReplicationCompletedRequest& request,
                                    v1::ReplicationCompletedResponse* response);
  absl::Status Heartbeat(SourceCall& call, const v1::HeartbeatRequest& request,
                         v1::HeartbeatResponse* response);
  absl::Status DigestRanges(SourceCall& call, const v1::DigestRangesRequest& request,
                            v1::DigestRangesResponse* response);
  /// Sends one of several messages of an answer. Returns false if the caller takes no more.
  template <typename Message>
  using Send = std::function<bool(const Message&)>;
  absl::Status ReadRows(SourceCall& call, const v1::ReadRowsRequest& request,
                        const Send<v1::ReadRowsResponse>& send);
  absl::Status FetchDeliveries(SourceCall& call, const v1::FetchDeliveriesRequest& request,
                               const Send<v1::FetchDeliveriesResponse>& send);
  absl::Status ReportDeliveries(SourceCall& call, const v1::ReportDeliveriesRequest& request,
                                v1::ReportDeliveriesResponse* response);

  /// A call with many requests of rows. Each request is decoded and applied by itself.
  struct RowStream {
    std::shared_ptr<Tenant> tenant;
    RowDecoder decoder;
    InFlight::Stream held;
  };
  /// `caller` must outlive the result. Errors: as Tenants::Find() and InFlight::OpenStream().
  absl::StatusOr<RowStream> OpenStream(const Caller& caller);

 private:
  /// A call's place among the running calls, and its tenant.
  struct Served {
    InFlight::Call place;
    std::shared_ptr<Tenant> tenant;
  };
  absl::StatusOr<Served> Serve(const Caller& caller);
  absl::StatusOr<Admission> BeginCycle(const Caller& caller, const v1::AuthenticateRequest& request,
                                       Tenant& tenant, std::int64_t now_ms);
  absl::StatusOr<Admission> UseToken(Caller* caller, Tenant& tenant, std::int64_t now_ms);
  absl::StatusOr<std::string> AskHooks(const Caller& caller);
  absl::Status AnswerBegin(const SourceCall& call, const v1::AuthenticateRequest& request,
                           v1::AuthenticateResponse* response);
  absl::Status AnswerDeleted(const Caller& caller, std::int64_t now_ms, v1::AuthenticateResponse* response);
  void FillTerms(const Caller& caller, std::int64_t now_ms, v1::AuthenticateResponse* response) const;
  void NoteOutcome(const std::string& context_id, const absl::Status& done,
                   const v1::AuthenticateResponse& response);
  void AnswerCompleted(const Caller& caller, std::int64_t cycle, Tenant& tenant,
                       const std::vector<TableVerdict>& verdicts, v1::ReplicationCompletedResponse* response);

  Gate& gate_;
  Tenants& tenants_;
  HookRunner* const hooks_;
  AskedTokens asked_;
  ServerCounters& counters_;
  Hubs* const hubs_;
  const WireLimits limits_;
  Announcements announcements_;
  const std::uint32_t streams_per_tenant_max_;
  const std::chrono::seconds cycle_idle_;
  InFlight in_flight_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_CALLS_H_
