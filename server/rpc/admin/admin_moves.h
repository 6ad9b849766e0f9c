#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_MOVES_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_MOVES_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/source/gate.h"
#include "server/store/snapshot.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// The operators' calls that move a tenant, see server/tenant/move.h. Threads: any; gRPC's.
class AdminMoves : public v1::MirrorAdmin::Service {
 public:
  grpc::Status LookAtMove(grpc::ServerContext* context, const v1::LookAtMoveRequest* request,
                          v1::MoveLook* response) override;
  grpc::Status CheckRoom(grpc::ServerContext* context, const v1::CheckRoomRequest* request,
                         v1::CheckRoomResponse* response) override;
  grpc::Status BeginMove(grpc::ServerContext* context, const v1::BeginMoveRequest* request,
                         v1::BeginMoveResponse* response) override;
  grpc::Status LeaveMove(grpc::ServerContext* context, const v1::LeaveMoveRequest* request,
                         v1::LeaveMoveResponse* response) override;
  grpc::Status ArriveMove(grpc::ServerContext* context, const v1::ArriveMoveRequest* request,
                          v1::ArriveMoveResponse* response) override;
  grpc::Status DropMove(grpc::ServerContext* context, const v1::DropMoveRequest* request,
                        v1::DropMoveResponse* response) override;
  grpc::Status StayMove(grpc::ServerContext* context, const v1::StayMoveRequest* request,
                        v1::StayMoveResponse* response) override;
  grpc::Status MoveToPlace(grpc::ServerContext* context, const v1::MoveToPlaceRequest* request,
                           v1::MoveToPlaceResponse* response) override;
  grpc::Status ExportMirror(grpc::ServerContext* context, const v1::ExportMirrorRequest* request,
                            grpc::ServerWriter<v1::MirrorPart>* writer) override;
  grpc::Status ImportMirror(grpc::ServerContext* context, grpc::ServerReader<v1::ImportMirrorRequest>* reader,
                            v1::ImportMirrorResponse* response) override;

 protected:
  AdminMoves(Gate& gate, Tenants& tenants) : gate_(gate), tenants_(tenants) {}

  enum class Needs {
    kViewer,
    kOperator,
    kOperatorLook,  ///< An operator's, that changes nothing: its record is among the looks.
  };
  /// Of a call that may be a dry run. One that shows keys is an act: somebody saw values.
  template <typename Request>
  static Needs NeedsOf(const Request& request) {
    return request.dry_run() && !request.with_keys() ? Needs::kOperatorLook : Needs::kOperator;
  }
  /// Every handler: the role, then `act`, then the audit record of `call`.
  virtual grpc::Status Serve(const grpc::ServerContext& context, Needs needs, const std::string& call,
                             const std::function<absl::Status()>& act) = 0;
  /// The same of a call about one tenant, which `act` is given.
  template <typename Request, typename Act>
  grpc::Status ServeTenant(grpc::ServerContext& context, Needs needs, const std::string& call,
                           const Request& request, const Act& act) {
    return Serve(context, needs, call, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                       FindAskedTenant(tenants_, request.context_id(), context));
      return act(*tenant);
    });
  }
  /// `watch`, unless `most` of its kind run already. `what` is watched; `look` is the call that waits for
  /// nothing.
  template <typename Watch>
  static absl::Status WatchWithin(std::atomic<int>& running, int most, const char* what, const char* look,
                                  const Watch& watch) {
    absl::Status status = ++running > most ? absl::ResourceExhaustedError(absl::StrCat(
                                                 "there are ", most, " watchers of ", what,
                                                 " already. End one of them, or look with ", look, "."))
                                           : watch();
    --running;
    return status;
  }
  /// False once the caller went away, or the server stops.
  GoOn GoesOn(const grpc::ServerContext& context) const {
    return [this, &context] { return !context.IsCancelled() && !stopping_; };
  }

  Gate& gate_;
  Tenants& tenants_;
  std::atomic<bool> stopping_{false};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_MOVES_H_
