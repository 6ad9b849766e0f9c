#ifndef MIRROR_SERVER_HTTP_HTTP_ROUTES_H_
#define MIRROR_SERVER_HTTP_HTTP_ROUTES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/http/message.h"
#include "certs/apikeys/api_key.h"
#include "server/http/http_call.h"

namespace mirror {

enum class HttpBody : std::uint8_t { kNone, kJson, kStreamed };

/// One call of the door.
struct HttpRoute {
  std::string_view method;
  std::string_view path;        ///< "/storages/{}/clear": '{}' stands for one segment.
  std::optional<ApiRole> role;  ///< Absent: no key is asked for.
  HttpBody body = HttpBody::kNone;
  std::function<HttpAnswer(HttpCall& call)> answer = {};
  /// kStreamed, in place of `answer`: before a byte of the body is read, says who takes it, its limit, and
  /// who answers.
  std::function<HttpAdmission(const std::shared_ptr<HttpCall>& call)> admit = {};
};

class HttpRoutes {
 public:
  void Add(HttpRoute route);

  struct Match {
    const HttpRoute* route = nullptr;  ///< Null: there is no such call.
    std::vector<std::string> parts;
    std::string allowed;  ///< Without a route: methods that the path has; empty: there is no such path.
  };
  Match Find(std::string_view method, const std::vector<std::string>& segments) const;

 private:
  struct Entry {
    HttpRoute route;
    std::vector<std::string> segments;
  };
  std::vector<Entry> routes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_ROUTES_H_
