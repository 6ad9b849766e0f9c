#ifndef MIRROR_SERVER_RPC_MIRROR_SERVICE_H_
#define MIRROR_SERVER_RPC_MIRROR_SERVICE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/limits.h"
#include "server/config/config.h"
#include "server/hooks/delivery/hook_runner.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/rpc/asked_tokens.h"
#include "server/rpc/gate.h"
#include "server/rpc/kept_announcements.h"
#include "server/rpc/listener/in_flight.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/tenant.h"
#include "server/tenant/tenants.h"
#include "server/watch/counters.h"

namespace mirror {

/// What sources say of their tables: decoded, handed to the tenant, answered, and kept for the next cycle
/// where it changed nothing. Errors: as Tenant::Announce(); `may_agree`'s; kResourceExhausted and
/// kInvalidArgument: nothing was changed. Threads: any.
class Announcements {
 public:
  /// `may_agree`: asked before each announcement; null: it always may.
  Announcements(const WireLimits& limits, std::function<absl::Status()> may_agree);

  /// TableSchema. Takes the request over.
  absl::Status Announce(const Caller& caller, Tenant& tenant, v1::TableSchemaRequest* request,
                        v1::TableSchemaResponse* response);
  /// The same as a dry run.
  absl::Status Look(const Caller& caller, Tenant& tenant, const v1::TableSchemaRequest& request,
                    const GoOn& go_on, v1::TableSchemaResponse* response);
  /// The same behind a begin that names an announcement, where it is the last one of the tenant's that came
  /// here, and changes nothing. Otherwise nothing is done, and the source has to announce its tables itself.
  void AnnounceKept(const Caller& caller, Tenant& tenant, std::int64_t cycle, const std::string& sha256,
                    v1::AuthenticateResponse* response);

 private:
  struct Decoded {
    std::vector<AnnouncedTable> tables;
    std::string rules;  ///< Tells one set of the endpoint's column rules from another.
  };
  absl::Status MayAgree() const;
  absl::StatusOr<Decoded> Decode(const Tenant& tenant, const v1::TableSchemaRequest& request) const;

  const WireLimits limits_;
  const std::function<absl::Status()> may_agree_;
  KeptAnnouncements kept_;
};

class Hubs;
class StreamMessages;

/// The calls that sources make, as CheckedService passes them on. Each handler is the same line: admit,
/// decode, let the tenant do it, answer. A call that takes longer asks the gate again with each message: only
/// the end of its token does not end it. Threads: any; gRPC's.
class MirrorService final {
 public:
  /// All that is given must outlive the service; `hooks` may be null. `may_agree`: asked before tables are
  /// announced, by any thread; null: it always may. `hubs`: null: there are none.
  MirrorService(Gate& gate, Tenants& tenants, const LimitsConfig& limits, HookRunner* hooks,
                ServerCounters& counters = UnwatchedCounters(),
                std::function<absl::Status()> may_agree = nullptr, Hubs* hubs = nullptr);

  /// Sources that could not prove who they are.
  struct Refused {
    std::uint64_t calls = 0;
    std::string last;  ///< Why, of the last one.
  };
  /// Since the last call of this.
  Refused TakeRefused();
  /// Ends streams that have been waiting for their next message for longer than `patience`, with `why`.
  /// Called now and then: such a stream holds a thread.
  void EndIdleStreams(std::chrono::milliseconds patience, const absl::Status& why);
  InFlight::Usage usage() { return in_flight_.usage(); }

  grpc::Status Authenticate(grpc::ServerContext* context, const v1::AuthenticateRequest* request,
                            v1::AuthenticateResponse* response);
  /// Takes the request over.
  grpc::Status TableSchema(grpc::ServerContext* context, v1::TableSchemaRequest* request,
                           v1::TableSchemaResponse* response);
  grpc::Status RowData(grpc::ServerContext* context, const v1::RowDataRequest* request,
                       v1::RowDataResponse* response);
  /// The one call that has been admitted when it comes here.
  grpc::Status RowDataStream(grpc::ServerContext* context, const Caller& caller, StreamMessages* messages);
  grpc::Status Wipe(grpc::ServerContext* context, const v1::WipeRequest* request, v1::WipeResponse* response);
  grpc::Status ReplicationCompleted(grpc::ServerContext* context,
                                    const v1::ReplicationCompletedRequest* request,
                                    v1::ReplicationCompletedResponse* response);
  grpc::Status DigestRanges(grpc::ServerContext* context, const v1::DigestRangesRequest* request,
                            v1::DigestRangesResponse* response);
  grpc::Status ReadRows(grpc::ServerContext* context, const v1::ReadRowsRequest* request,
                        grpc::internal::WriterInterface<v1::ReadRowsResponse>* writer);
  grpc::Status FetchDeliveries(grpc::ServerContext* context, const v1::FetchDeliveriesRequest* request,
                               grpc::internal::WriterInterface<v1::FetchDeliveriesResponse>* writer);
  grpc::Status ReportDeliveries(grpc::ServerContext* context, const v1::ReportDeliveriesRequest* request,
                                v1::ReportDeliveriesResponse* response);

 private:
  /// A RowDataStream that is open.
  struct OpenStream {
    grpc::ServerContext* context = nullptr;
    std::chrono::steady_clock::time_point waiting_since;
    bool waiting = false;
  };
  class ServedStream;

  grpc::Status Admit(const char* name, const grpc::ServerContext& context,
                     const std::function<absl::Status(const Caller&)>& work);
  /// The same for a call that counts as long as it takes.
  grpc::Status Serve(const char* name, const grpc::ServerContext& context,
                     const std::function<absl::Status(const Caller&, InFlight::Call&)>& work);
  absl::StatusOr<Admission> Begin(const Caller& caller, const v1::AuthenticateRequest& request,
                                  Tenant& tenant, std::int64_t now_ms);
  absl::StatusOr<Admission> UseToken(Caller* caller, Tenant& tenant, std::int64_t now_ms);
  absl::StatusOr<std::string> AskHooks(const Caller& caller);
  absl::Status DoAuthenticate(const grpc::ServerContext& context, const Caller& caller,
                              const v1::AuthenticateRequest& request, v1::AuthenticateResponse* response);
  absl::Status AnswerDeleted(const Caller& caller, std::int64_t now_ms, v1::AuthenticateResponse* response);
  void FillTerms(const Caller& caller, std::int64_t now_ms, v1::AuthenticateResponse* response) const;
  absl::Status DoTableSchema(const grpc::ServerContext& context, const Caller& caller,
                             v1::TableSchemaRequest* request, v1::TableSchemaResponse* response);
  absl::Status DoRowData(const Caller& caller, Tenant& tenant, const v1::RowDataRequest& request,
                         bool wait_for_gaps, v1::RowDataResponse* response);
  absl::Status DoStream(const Caller& caller, grpc::ServerContext* context, StreamMessages* messages);
  absl::Status DoWipe(const Caller& caller, const v1::WipeRequest& request, v1::WipeResponse* response);
  void NoteOutcome(const std::string& context_id, const absl::Status& done,
                   const v1::AuthenticateResponse& response);
  void AnswerCompleted(const Caller& caller, std::int64_t cycle, Tenant& tenant,
                       const std::vector<TableVerdict>& verdicts, v1::ReplicationCompletedResponse* response);
  absl::Status DoComplete(const Caller& caller, const v1::ReplicationCompletedRequest& request,
                          v1::ReplicationCompletedResponse* response);
  absl::Status DoDigestRanges(const Caller& caller, const grpc::ServerContext& context,
                              const v1::DigestRangesRequest& request, v1::DigestRangesResponse* response);
  absl::Status DoReadRows(const Caller& caller, const grpc::ServerContext& context,
                          const v1::ReadRowsRequest& request,
                          grpc::internal::WriterInterface<v1::ReadRowsResponse>* writer);

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
  Mutex refused_mutex_;
  Refused refused_ MIRROR_GUARDED_BY(refused_mutex_);
  Mutex streams_mutex_;
  std::list<OpenStream> streams_ MIRROR_GUARDED_BY(streams_mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MIRROR_SERVICE_H_
