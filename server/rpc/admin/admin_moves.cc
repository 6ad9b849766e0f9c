#include "server/rpc/admin/admin_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/tenant/move.h"

namespace mirror {
namespace {

v1::MovePhase PhaseOf(const std::optional<MoveMark>& mark) {
  if (!mark) return v1::MOVE_PHASE_UNSPECIFIED;
  switch (mark->phase) {
    case MovePhase::kLeaving:
      return v1::MOVE_PHASE_LEAVING;
    case MovePhase::kLeft:
      return v1::MOVE_PHASE_LEFT;
    case MovePhase::kArriving:
      return v1::MOVE_PHASE_ARRIVING;
    case MovePhase::kDropping:
      return v1::MOVE_PHASE_DROPPING;
  }
  return v1::MOVE_PHASE_UNSPECIFIED;
}

/// Text for the audit log: the steps of one move, at both servers, have its id.
template <typename Request>
std::string StepText(const char* step, const Request& request) {
  return absl::StrCat(step, " ", request.context_id(), " move ", request.move_id());
}

void Encode(const MoveLook& look, v1::MoveLook* message) {
  message->set_context_id(look.context_id);
  message->set_issuer(look.issuer);
  message->set_environment(look.environment);
  message->set_hash_key(look.hash_key);
  message->set_place(look.place);
  message->set_bytes(look.bytes);
  message->set_phase(PhaseOf(look.mark));
  message->set_contents(look.contents);
  if (!look.mark) return;
  message->set_move_id(look.mark->id);
  message->set_target(look.mark->target);
  message->set_to_place(look.mark->kind == MoveKind::kPlace);
  message->set_left_contents(look.mark->contents);
}

}  // namespace

grpc::Status AdminMoves::LookAtMove(grpc::ServerContext* context, const v1::LookAtMoveRequest* request,
                                    v1::MoveLook* response) {
  return Serve(
      *context, Needs::kOperator, absl::StrCat("LookAtMove ", request->context_id()), [&]() -> absl::Status {
        ASSIGN_OR_RETURN(const MoveLook look, mirror::LookAtMove(tenants_, request->context_id(),
                                                                 request->with_contents(), GoesOn(*context)));
        Encode(look, response);
        return absl::OkStatus();
      });
}

grpc::Status AdminMoves::CheckRoom(grpc::ServerContext* context, const v1::CheckRoomRequest* request,
                                   v1::CheckRoomResponse* /*response*/) {
  const v1::MoveLook& look = request->look();
  return Serve(
      *context, Needs::kOperator,
      absl::StrCat("CheckRoom ", look.context_id(), request->place().empty() ? "" : " in ", request->place()),
      [&]() -> absl::Status {
        RETURN_IF_ERROR(gate_.CheckTakes(look.issuer(), look.environment(), look.context_id()));
        return mirror::CheckRoom(
            tenants_, {.context_id = look.context_id(), .hash_key = look.hash_key(), .bytes = look.bytes()},
            request->place());
      });
}

grpc::Status AdminMoves::BeginMove(grpc::ServerContext* context, const v1::BeginMoveRequest* request,
                                   v1::BeginMoveResponse* /*response*/) {
  return Serve(*context, Needs::kOperator, StepText("BeginMove", *request), [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckMoveId(request->move_id()));
    RETURN_IF_ERROR(CheckMoveTarget(request->address()));
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                     FindAskedTenant(tenants_, request->context_id(), *context));
    RETURN_IF_ERROR(CheckRoomToLeave(tenants_, *tenant));
    return (tenant)->BeginMove({.id = request->move_id(), .target = request->address()}, SharedNowMs());
  });
}

grpc::Status AdminMoves::ExportMirror(grpc::ServerContext* context, const v1::ExportMirrorRequest* request,
                                      grpc::ServerWriter<v1::MirrorPart>* writer) {
  return Serve(*context, Needs::kOperator, StepText("ExportMirror", *request), [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto left_out,
                     mirror::ExportMirror(tenants_, request->context_id(), request->move_id(),
                                          GoesOn(*context), [&](std::string part) {
                                            v1::MirrorPart message;
                                            message.set_data(std::move(part));
                                            return writer->Write(message);
                                          }));
    v1::MirrorPart last;
    last.mutable_left_out()->Add(left_out.begin(), left_out.end());
    if (writer->Write(last)) return absl::OkStatus();
    return absl::CancelledError("the export was cancelled");
  });
}

grpc::Status AdminMoves::ImportMirror(grpc::ServerContext* context,
                                      grpc::ServerReader<v1::ImportMirrorRequest>* reader,
                                      v1::ImportMirrorResponse* response) {
  v1::ImportMirrorRequest message;
  const bool begun = reader->Read(&message) && message.has_header();
  const v1::ImportHeader header = message.header();
  return Serve(
      *context, Needs::kOperator,
      absl::StrCat(StepText("ImportMirror", header), header.place().empty() ? "" : " into ", header.place()),
      [&]() -> absl::Status {
        if (!begun) {
          return absl::InvalidArgumentError("the first message is not a header. Nothing was changed.");
        }
        ASSIGN_OR_RETURN(MoveArrival arrival,
                         MoveArrival::Begin(tenants_, header.context_id(), header.move_id(), header.place()));
        while (reader->Read(&message)) {
          RETURN_IF_ERROR(arrival.Add(message.data()));
        }
        if (context->IsCancelled()) return absl::CancelledError("the import was cancelled");
        ASSIGN_OR_RETURN(MoveArrival::Report report, arrival.Finish(SharedNowMs(), GoesOn(*context)));
        response->set_contents(std::move(report.contents));
        response->set_kept_path(std::move(report.kept));
        response->mutable_left_out()->Add(report.left_out.begin(), report.left_out.end());
        return absl::OkStatus();
      });
}

grpc::Status AdminMoves::LeaveMove(grpc::ServerContext* context, const v1::LeaveMoveRequest* request,
                                   v1::LeaveMoveResponse* /*response*/) {
  return Serve(*context, Needs::kOperator,
               absl::StrCat(StepText("LeaveMove", *request), " to ", request->address()),
               [&]() -> absl::Status {
                 RETURN_IF_ERROR(CheckMoveTarget(request->address()));
                 return Leave(tenants_, request->context_id(), request->move_id(), request->contents(),
                              request->address(), SharedNowMs(), GoesOn(*context));
               });
}

grpc::Status AdminMoves::ArriveMove(grpc::ServerContext* context, const v1::ArriveMoveRequest* request,
                                    v1::ArriveMoveResponse* /*response*/) {
  return Serve(*context, Needs::kOperator, StepText("ArriveMove", *request),
               [&] { return Arrive(tenants_, request->context_id(), request->move_id(), SharedNowMs()); });
}

grpc::Status AdminMoves::DropMove(grpc::ServerContext* context, const v1::DropMoveRequest* request,
                                  v1::DropMoveResponse* /*response*/) {
  return Serve(*context, Needs::kOperator, StepText("DropMove", *request), [&] {
    return Drop(tenants_, request->context_id(), request->move_id(), request->contents(), SharedNowMs(),
                GoesOn(*context));
  });
}

grpc::Status AdminMoves::StayMove(grpc::ServerContext* context, const v1::StayMoveRequest* request,
                                  v1::StayMoveResponse* /*response*/) {
  return Serve(*context, Needs::kOperator, StepText("StayMove", *request),
               [&] { return Stay(tenants_, request->context_id(), request->move_id(), SharedNowMs()); });
}

grpc::Status AdminMoves::MoveToPlace(grpc::ServerContext* context, const v1::MoveToPlaceRequest* request,
                                     v1::MoveToPlaceResponse* response) {
  return Serve(
      *context, Needs::kOperator,
      absl::StrCat("MoveToPlace ", request->context_id(), " ", request->place(),
                   request->resume() ? " resume" : "", request->undo() ? " undo" : ""),
      [&]() -> absl::Status {
        if (request->resume() && request->undo()) {
          return absl::InvalidArgumentError("both 'resume' and 'undo' are set. Nothing was changed.");
        }
        const PlaceMoveWish wish = request->resume() ? PlaceMoveWish::kResume
                                   : request->undo() ? PlaceMoveWish::kUndo
                                                     : PlaceMoveWish::kBegin;
        ASSIGN_OR_RETURN(PlaceMoveReport report,
                         mirror::MoveToPlace(tenants_, request->context_id(), request->place(), wish,
                                             SharedNowMs(), GoesOn(*context)));
        response->set_context_id(std::move(report.context_id));
        response->set_kept_path(std::move(report.kept));
        response->mutable_left_out()->Add(report.left_out.begin(), report.left_out.end());
        return absl::OkStatus();
      });
}

}  // namespace mirror
