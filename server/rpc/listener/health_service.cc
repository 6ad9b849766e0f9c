#include "server/rpc/listener/health_service.h"

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// At a time. A check is answered at once; it is held only while its request has not come.
constexpr std::size_t kChecksMax = 64, kWatchesMax = 64;

/// HealthCheckResponse, as bytes: its one field is the status.
const std::string kServing = "\x08\x01", kNotServing = "\x08\x02", kServiceUnknown = "\x08\x03";

/// HealthCheckRequest.service; absent: the bytes are no such message.
std::optional<std::string> ServiceIn(const std::string& request) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(request.data()),
                                            static_cast<int>(request.size()));
  constexpr std::uint32_t kServiceTag = 1U << 3U | 2U;
  std::string service;
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint32_t length = 0;
    if (tag != kServiceTag || !in.ReadVarint32(&length) || length > request.size() ||
        !in.ReadString(&service, static_cast<int>(length))) {
      return std::nullopt;
    }
  }
  return service;
}

}  // namespace

class HealthService::Stream final : public HeldStream {
 public:
  Stream(HealthService& service, HeldStreams& all, bool watches)
      : HeldStream(all), service_(service), watches_(watches) {}
  ~Stream() override {
    {
      const MutexLock lock(service_.mutex_);
      service_.watching_.erase(this);
      service_.told_.NotifyAll();
    }
    if (is_held_) service_.vouched_->Release(peer_);
  }

  void TellStopped() { AnswerLast(kNotServing); }

 private:
  void Begin(const std::string& peer) override {
    peer_ = peer;
    if (service_.vouched_ != nullptr) service_.vouched_->NoteOpenCall(peer);
  }
  void Take(const std::string& request) override {
    const std::optional<std::string> asked = ServiceIn(request);
    if (!asked) return End({grpc::StatusCode::INVALID_ARGUMENT, "the bytes are not a HealthCheckRequest"});
    const bool known = asked->empty() || *asked == service_.service_;
    if (!watches_ && !known) return End({grpc::StatusCode::NOT_FOUND, "there is no such service here"});
    const MutexLock lock(service_.mutex_);
    const std::string& status = service_.stopped_ ? kNotServing : known ? kServing : kServiceUnknown;
    if (!watches_ || service_.stopped_) return AnswerLast(status);
    service_.watching_.insert(this);
    is_held_ = service_.vouched_ != nullptr;
    if (is_held_) service_.vouched_->Hold(peer_);
    AnswerAndHold(status);
  }

  HealthService& service_;
  const bool watches_;
  std::string peer_;
  bool is_held_ = false;  ///< As VouchedBytes counts it.
};

HealthService::HealthService(std::string service, VouchedBytes* vouched)
    : service_(std::move(service)), vouched_(vouched), checks_(kChecksMax), watches_(kWatchesMax) {
  AddStream("/grpc.health.v1.Health/Check",
            [this] { return std::make_unique<Stream>(*this, checks_, false); });
  AddStream("/grpc.health.v1.Health/Watch",
            [this] { return std::make_unique<Stream>(*this, watches_, true); });
}

HealthService::~HealthService() = default;

void HealthService::Stop(std::chrono::system_clock::time_point until) {
  const MutexLock lock(mutex_);
  if (std::exchange(stopped_, true)) return;
  for (Stream* const stream : watching_) stream->TellStopped();
  while (!watching_.empty() && told_.WaitUntil(mutex_, until)) {
  }
}

void HealthService::EndAll() {
  checks_.Close();
  watches_.Close();
}

}  // namespace mirror
