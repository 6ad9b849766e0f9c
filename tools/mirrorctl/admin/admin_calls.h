#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_CALLS_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_CALLS_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/interruption.h"
#include "base/mutex.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"

// What the calls of the clients of admin_client.h are made by; for their own files alone, since gRPC's header
// is most of the time that a file takes to compile.

namespace mirror {

/// How long an answer may take.
inline constexpr std::chrono::seconds kPatience(30);
/// Of calls that end a cycle, drop tables or read whole databases.
inline constexpr std::chrono::seconds kLongPatience(600);
/// A copy of a whole mirror takes as long as the disk does.
inline constexpr std::chrono::seconds kCopyPatience(6 * 3'600);

/// What may be true when no answer comes.
enum class Effect { kReads, kChanges, kMoves };

/// While it lives, the call ends when `interruption` comes; null: none does.
class Canceller {
 public:
  Canceller(grpc::ClientContext& context, const Interruption* interruption) {
    if (interruption == nullptr) return;
    waiting_ = std::jthread([&context, interruption](const std::stop_token& stop) {
      constexpr std::chrono::milliseconds kLook(20);
      while (!stop.stop_requested()) {
        if (interruption->Wait(kLook)) return context.TryCancel();
      }
    });
  }

 private:
  std::jthread waiting_;
};

template <typename Request, typename Message>
using StreamCall = std::unique_ptr<grpc::ClientReader<Message>> (v1::MirrorAdmin::Stub::*)(
    grpc::ClientContext*, const Request&);

class AdminClient::Service {
 public:
  Service(ControlConfig control, std::unique_ptr<v1::MirrorAdmin::Stub> made)
      : config(std::move(control)), stub(std::move(made)) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::MirrorAdmin::Stub::*method)(grpc::ClientContext*,
                                                                              const Request&, Response*),
                                const Request& request, Effect effect, std::chrono::seconds patience);
  /// What `method` streams, for as long as `each` wants more. `interrupted`: the words of kCancelled when
  /// `until` came.
  template <typename Request, typename Message, typename Each>
  absl::Status Stream(StreamCall<Request, Message> method, const Request& request,
                      std::chrono::seconds patience, const Interruption& until, const char* interrupted,
                      const Each& each);
  /// The same without an end of its own: it is no error that `until` came. `again`: how to go on when
  /// the server stopped.
  template <typename Request, typename Message, typename Each>
  absl::Status Watch(StreamCall<Request, Message> method, const Request& request, const Interruption& until,
                     const char* again, const Each& each);
  absl::Status Explain(const grpc::Status& status, const grpc::ClientContext& context, Effect effect) const;
  /// Behind a call.
  void NoteSpelling(const grpc::ClientContext& context);

  const ControlConfig config;
  const std::unique_ptr<v1::MirrorAdmin::Stub> stub;
  /// When the last call has to have ended.
  std::chrono::system_clock::time_point end = std::chrono::system_clock::time_point::max();
  const Interruption* interruption = nullptr;  ///< With which it ends, too.
  std::string spelled() {
    const MutexLock lock(mutex_);
    return spelled_;
  }

 private:
  /// Whether `each` wanted all that came, and how the call ended.
  template <typename Request, typename Message, typename Each>
  std::pair<bool, grpc::Status> Read(StreamCall<Request, Message> method, const Request& request,
                                     grpc::ClientContext& context, const Interruption& until,
                                     const Each& each);
  absl::Status NotReached(const std::string& grpc_words) const;

  Mutex mutex_;
  std::string spelled_ MIRROR_GUARDED_BY(mutex_);  ///< See SpelledAs().
};

template <typename Request, typename Response>
absl::StatusOr<Response> AdminClient::Service::Call(
    grpc::Status (v1::MirrorAdmin::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, Effect effect, std::chrono::seconds patience) {
  grpc::ClientContext context;
  context.set_deadline(
      std::min<std::chrono::system_clock::time_point>(end, std::chrono::system_clock::now() + patience));
  const Canceller canceller(context, interruption);
  Response response;
  const grpc::Status status = (stub.get()->*method)(&context, request, &response);
  NoteSpelling(context);
  if (!status.ok()) return Explain(status, context, effect);
  return response;
}

template <typename Request, typename Message, typename Each>
std::pair<bool, grpc::Status> AdminClient::Service::Read(StreamCall<Request, Message> method,
                                                         const Request& request, grpc::ClientContext& context,
                                                         const Interruption& until, const Each& each) {
  const std::unique_ptr<grpc::ClientReader<Message>> stream = (stub.get()->*method)(&context, request);
  const Canceller canceller(context, &until);
  Message message;
  bool wanted = true;
  while (wanted && stream->Read(&message)) wanted = each(message);
  if (!wanted) {
    context.TryCancel();
    while (stream->Read(&message)) continue;
  }
  return {wanted, stream->Finish()};
}

template <typename Request, typename Message, typename Each>
absl::Status AdminClient::Service::Stream(StreamCall<Request, Message> method, const Request& request,
                                          std::chrono::seconds patience, const Interruption& until,
                                          const char* interrupted, const Each& each) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  const auto [wanted, status] = Read(method, request, context, until, each);
  NoteSpelling(context);
  if (!wanted) return absl::OkStatus();
  if (until.Wait(std::chrono::milliseconds(0))) return absl::CancelledError(interrupted);
  return status.ok() ? absl::OkStatus() : Explain(status, context, Effect::kReads);
}

template <typename Request, typename Message, typename Each>
absl::Status AdminClient::Service::Watch(StreamCall<Request, Message> method, const Request& request,
                                         const Interruption& until, const char* again, const Each& each) {
  grpc::ClientContext context;
  const auto [wanted, status] = Read(method, request, context, until, each);
  if (!wanted || until.Wait(std::chrono::milliseconds(0))) return absl::OkStatus();
  if (!status.ok()) return Explain(status, context, Effect::kReads);
  return absl::UnavailableError(absl::StrCat(
      "the server at ", config.address, " ended the watch, as it does when it stops: call again ", again));
}

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_CALLS_H_
