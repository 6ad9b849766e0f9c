#include "server/hooks/delivery/hook_url.h"

#include <httplib.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "server/hooks/delivery/bounded_calls.h"

namespace mirror {
namespace {

/// A name lookup cannot be cancelled, and may take longer than the hook's timeout.
constexpr std::size_t kRequestsMax = 4;

/// Ends `client`'s request at the deadline: each read may be in time, but not all of them together.
class Watch {
 public:
  Watch(httplib::Client& client, std::chrono::milliseconds timeout)
      : thread_([&client, timeout](const std::stop_token& done) {
          if (SleepFor(timeout, done)) client.stop();
        }) {}

 private:
  std::jthread thread_;
};

absl::StatusOr<std::string> Post(const HookUrl& url, const HookDelivery& delivery,
                                 std::chrono::milliseconds timeout) {
  httplib::Client client(url.origin);
  client.set_follow_location(false);
  client.enable_server_certificate_verification(true);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeout);
  client.set_connection_timeout(us);
  client.set_read_timeout(us);
  client.set_write_timeout(us);
  httplib::Request request;
  request.method = "POST";
  request.path = url.path;
  request.set_header("Content-Type", "application/json");
  request.set_header("User-Agent", "mirror-server/" MIRROR_VERSION);
  request.body = delivery.json;
  std::string body;
  int status = 0;
  request.response_handler = [&status](const httplib::Response& response) {
    status = response.status;
    return true;
  };
  request.content_receiver = [&body](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    body.append(data, std::min(size, kHookOutputBytesMax - body.size()));
    return body.size() < kHookOutputBytesMax;
  };
  httplib::Result result(nullptr, httplib::Error::Unknown);
  {
    const Watch watch(client, timeout);
    result = client.send(request);
  }
  // A body above the limit is cut, which ends the request; its status came before.
  if (!result && body.size() < kHookOutputBytesMax) {
    return absl::UnavailableError(absl::StrCat("the request failed: ", httplib::to_string(result.error())));
  }
  if (result) status = result->status;
  if (status < 200 || status > 299) {
    return absl::AbortedError(absl::StrCat("the answer has status ", status));
  }
  return body;
}

class UrlHook final : public HookTarget {
 public:
  explicit UrlHook(HookUrl url) : url_(std::move(url)), calls_(kRequestsMax) {}

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override {
    return calls_.Call([url = url_, delivery, timeout] { return Post(url, delivery, timeout); }, timeout,
                       stop);
  }

 private:
  const HookUrl url_;
  BoundedCalls calls_;
};

}  // namespace

std::unique_ptr<HookTarget> MakeUrlHook(HookUrl url) { return std::make_unique<UrlHook>(std::move(url)); }

}  // namespace mirror
